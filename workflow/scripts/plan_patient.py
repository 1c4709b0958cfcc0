"""Rule plan_patient.

Input: a patient's segmentation, brain mask and final run, with barriers and follow-up where there are any. Output: both
targets at every margin, and a row for each.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.plan.run import plan_patient
    from gliofit.plan.settings import PlanSettings

    plan_patient(
        Path(run.input.segmentation).parent,
        Path(run.input.forward).parent,
        run.folder,
        PlanSettings(**run.params.settings),
        {
            "run": run.params.run,
            "cohort": "patients",
            "case": run.wildcards.case,
            "method": run.wildcards.method,
            "seed": run.seed,
        },
        label_scheme=run.params.patient["labels"],
        barriers=run.input.get("barriers"),
        recurrence=run.input.get("recurrence"),
    )
