"""Rule prepare_atlas: `t1, wm, gm, csf, labels, brain_mask` on the atlas's grid, and `atlas.json`."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.atlas.prepare import prepare_atlas
    from gliofit.atlas.settings import AtlasSettings

    prepare_atlas(AtlasSettings(**run.params.settings), run.folder)
