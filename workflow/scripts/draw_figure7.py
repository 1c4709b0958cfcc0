"""Rule draw_figure7.

Input: the evaluation of the patients. Output: figure 7, Dice over thresholds of methods of one observation (PNG
and PDF).
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.figure7 import draw_figure7
    from gliofit.publish.settings import PublishSettings

    observed = run.wildcards.suffix.removeprefix("-") or "reference"
    draw_figure7(Path(run.input[0]).parent, run.folder, PublishSettings(**run.params.settings), observed)
