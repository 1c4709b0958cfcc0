"""Rule write_table: a table of the paper, or that of segmentation-driven fits, as CSV, HTML, Markdown and LaTeX."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.tables import write_paper_table

    evaluation = run.files.evaluation(run.params.cohort) if run.input.evaluation else None
    settings = PublishSettings(**run.params.settings)
    write_paper_table(run.wildcards.table, evaluation, run.folder, settings)
