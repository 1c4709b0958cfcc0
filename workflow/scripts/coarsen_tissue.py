"""Rules coarsen_atlas and assess_tissue: tissue of atlas or patient at the spacing of the simulations."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.simulate.brain import coarsen_atlas

    case = run.wildcards.get("case")
    source = run.files.atlas() if case is None else run.files.patient(case)
    coarsen_atlas(Path(source), run.folder, run.params.spacing_mm, run.params.tissue)
