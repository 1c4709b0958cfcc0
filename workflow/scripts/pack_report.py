"""Rule pack_report.

Input: the report, pages, tables and pictures. Output: all of them in one file, in the folders of the run.
"""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.pack import pack

    pack(run.output.zip, run.run_folder.parent, run.input)
