"""Rule write_table.

Input: the evaluation of a cohort. Output: one of the paper's tables as CSV, HTML, Markdown and LaTeX.
"""

from pathlib import Path

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.publish import tables
    from gliofit.publish.settings import PublishSettings

    write = {"1": tables.write_table1, "2": tables.write_table2, "3": tables.write_table3}[run.wildcards.number]
    evaluation = Path(run.input[0]).parent if run.input else None
    write(evaluation, run.folder, PublishSettings(**run.params.settings))
