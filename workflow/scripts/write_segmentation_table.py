"""Rule write_segmentation_table.

Input: the evaluation of the patients. Output: the table of methods that observe the segmentation, as CSV, HTML,
Markdown and LaTeX.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.tables import write_paper_table

    settings = PublishSettings(**run.params.settings)
    write_paper_table("table3-segmentation", Path(run.input[0]).parent, run.folder, settings)
