"""Rule draw_figure7.

Input: the evaluation of the patients. Output: figure 7, Dice over thresholds (PNG and SVG).
"""

from pathlib import Path

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.publish.figure7 import draw_figure7
    from gliofit.publish.settings import PublishSettings

    draw_figure7(Path(run.input[0]).parent, run.folder, PublishSettings(**run.params.settings))
