"""Rule draw_figure3.

Input: the evaluation of a cohort. Output: figure 3, error distributions per method (PNG and PDF), of patients those of
one observation.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.figure3 import draw_figure3
    from gliofit.publish.settings import PublishSettings

    observed = run.wildcards.suffix.removeprefix("-") or "reference"
    draw_figure3(Path(run.input[0]).parent, run.folder, PublishSettings(**run.params.settings), observed)
