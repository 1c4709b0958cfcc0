"""Rule pack_report.

Input: the report, pages, tables and pictures. Output: a ZIP file with them.
"""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.pack import pack

    pack(run.output.zip, run.run_folder.parent, run.input)
