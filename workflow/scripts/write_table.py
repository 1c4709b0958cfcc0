"""Rule write_table.

Input: the evaluation of a cohort. Output: one of the paper's tables as CSV, HTML, Markdown and LaTeX.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.tables import write_paper_table

    evaluation = Path(run.input[0]).parent if run.input else None
    settings = PublishSettings(**run.params.settings)
    write_paper_table(f"table{run.wildcards.number}", evaluation, run.folder, settings)
