"""Rule draw_figure3.

Input: the evaluation of a cohort. Output: figure 3, error distributions per method (PNG and SVG).
"""

from pathlib import Path

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.publish.figure3 import draw_figure3
    from gliofit.publish.settings import PublishSettings

    draw_figure3(Path(run.input[0]).parent, run.folder, PublishSettings(**run.params.settings))
