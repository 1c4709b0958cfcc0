"""Rule assess_tables: tables of the forward study, anatomies, derivatives and calibration, as CSV and Markdown."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.assess.tables import read_models, write_assess_tables
    from gliofit.study.summary import read_batches

    models = read_models({model: Path(run.files.model(model)) for model in run.params.models})
    write_assess_tables(read_batches(run.input.forward), read_batches(run.input.gradients), models, run.folder)
