"""Rule pack_report.

Input: the report, pages, tables and figures. Output: all of them in one file, with the same folders.
"""

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.publish.pack import pack

    pack(run.output.zip, run.folder, run.input)
