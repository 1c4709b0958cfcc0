"""Rule plan_picture: targets of a patient by several methods on an MRI."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.plan.run import draw_patient
    from gliofit.plan.settings import PlanSettings
    from gliofit.publish.settings import PublishSettings

    publish = PublishSettings(**run.params.publish)
    case = run.wildcards.case
    draw_patient(
        Path(run.files.patient(case)),
        {method: Path(run.files.targets(case, "", method)) for method in run.params.methods},
        Path(run.input.image),
        run.folder,
        PlanSettings(**run.params.settings),
        publish.method_names,
        publish.dpi,
    )
