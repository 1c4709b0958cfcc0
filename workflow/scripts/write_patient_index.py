"""Rule write_patient_index: a list of all patients with links to their pages."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.patient_index import write_patient_index
    from gliofit.publish.settings import PublishSettings

    write_patient_index(
        {case: Path(file) for case, file in zip(run.params.cases, run.input.checks, strict=True)},
        run.input.metrics,
        run.output.html,
        PublishSettings(**run.params.settings),
        run.params.run,
    )
