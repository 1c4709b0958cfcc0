"""Rule write_patient_page: the page of a patient and its picture."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.invert.settings import BoundsSettings
    from gliofit.publish.patient_page import write_patient_page
    from gliofit.publish.patient_record import PatientSources
    from gliofit.publish.settings import PublishSettings
    from gliofit.register.settings import RegisterSettings

    case, files, methods = run.wildcards.case, run.files, run.params.methods
    sources = PatientSources(
        case,
        Path(files.patient(case)),
        {method: Path(files.inversion("patients", case, method)) for method in methods},
        {method: Path(files.forward("patients", case, method)) for method in methods},
        Path(run.input.metrics),
        images={role: Path(run.input[role]) for role in ("t1c", "flair") if role in run.input.keys()},
        uncertainties={
            method: Path(file) for method, file in zip(run.params.uncertain, run.input.uncertainties, strict=True)
        },
        plans={method: Path(file) for method, file in zip(run.params.planned, run.input.plans, strict=True)},
        truth=Path(run.input.truth) if "truth" in run.input.keys() else None,
    )
    settings, bounds = PublishSettings(**run.params.settings), BoundsSettings(**run.params.bounds)
    register = RegisterSettings(**run.params.register)
    write_patient_page(sources, run.folder, settings, bounds, register, run.params.run)
