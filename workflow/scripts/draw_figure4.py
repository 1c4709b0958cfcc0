"""Rule draw_figure4.

Input: the evaluation of the patients, their images and all final runs on them. Output: figure 4, patients by methods
of one observation (PNG and PDF).
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.figure4 import draw_figure4
    from gliofit.publish.settings import PublishSettings

    evaluation = Path(run.input[0]).parent
    case_root = Path(run.input.images[0]).parents[1]
    forward_root = Path(run.input.concentrations[0]).parents[2]
    observed = run.wildcards.suffix.removeprefix("-") or "reference"
    draw_figure4(evaluation, case_root, forward_root, run.folder, PublishSettings(**run.params.settings), observed)
