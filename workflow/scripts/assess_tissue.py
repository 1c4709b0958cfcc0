"""Rule assess_tissue.

Input: a patient's tissue. Output: `wm, gm, csf, labels` at the spacing of the simulations.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.simulate.brain import coarsen_atlas

    coarsen_atlas(Path(run.input[0]).parent, run.folder, run.params.spacing_mm, run.params.tissue)
