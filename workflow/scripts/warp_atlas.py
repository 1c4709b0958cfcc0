"""Rule warp_atlas: `wm, gm, csf, labels` of a randomly warped copy of the atlas."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.errors import InputError
    from gliofit.core.seeds import derive_seed
    from gliofit.core.tissue import Tissue
    from gliofit.simulate.settings import WarpSettings
    from gliofit.simulate.warp import warp_tissue

    tissue = Tissue.load(run.files.anatomy("atlas"), "probabilities")
    seed = derive_seed(run.seed, "simulate", "warp", run.wildcards.number)
    try:
        warped = warp_tissue(tissue, WarpSettings(**run.params.settings), seed)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError("simulate.warps", "folds the brain", str(error)) from error
    warped.save(run.folder)
