"""Rule make_phantom: a patient in BraTS 2021 naming with a simulated tumour, its true theta and concentration."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.register.phantom import make_phantom
    from gliofit.register.settings import PhantomSettings

    settings = PhantomSettings(**run.params.settings)
    make_phantom(run.wildcards.case, Path(run.files.atlas()), run.folder, settings, run.seed)
