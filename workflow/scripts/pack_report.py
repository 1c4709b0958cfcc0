"""Rule pack_report: a ZIP file with the report, pages, tables and pictures."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.pack import pack

    pack(run.output.zip, run.run_folder.parent, run.input)
