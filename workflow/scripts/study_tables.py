"""Rule study_tables: errors by scenario, convergence and comparison, as CSV and Markdown."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.study.summary import read_batches
    from gliofit.study.tables import write_study_tables

    cases, traces = read_batches(run.input.cases), read_batches(run.input.traces)
    write_study_tables(cases, traces, run.folder, run.params.names)
