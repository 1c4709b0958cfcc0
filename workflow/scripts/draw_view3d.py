"""Rule draw_view3d.

Input: segmentation, tissue, scores and final runs of one patient. Output: brain, segmentation and spread of the cells
in three dimensions (PNG and PDF).
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.view3d import draw_view3d

    forward_root = Path(run.input.concentrations[0]).parents[1]
    settings = PublishSettings(**run.params.settings)
    draw_view3d(Path(run.input.segmentation).parent, run.input.metrics, forward_root, run.folder, settings)
