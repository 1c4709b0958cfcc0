"""Rule plan_patient: both targets of a patient at every margin, and a row for each."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.plan.run import plan_patient
    from gliofit.plan.settings import PlanSettings

    case, method = run.wildcards.case, run.wildcards.method
    plan_patient(
        Path(run.files.patient(case)),
        Path(run.files.forward("patients", case, method)),
        run.folder,
        PlanSettings(**run.params.settings),
        {"run": run.params.run, "cohort": "patients", "case": case, "method": method, "seed": run.seed},
        label_scheme=run.params.patient["labels"],
        barriers=run.input.get("barriers"),
        recurrence=run.input.get("recurrence"),
    )
