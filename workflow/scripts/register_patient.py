"""Rule register_patient: T1, tissue, brain mask and segmentation on the patient's grid, transforms, quality control."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.register.patient_files import PatientFiles
    from gliofit.register.run import register_patient
    from gliofit.register.settings import RegisterSettings

    names = ("t1", "t1c", "t2", "flair", "seg", "brain_mask")
    images = {name: Path(run.input[name]) if name in run.input.keys() else None for name in names}
    patient = PatientFiles(**run.params.patient, **images)
    settings = RegisterSettings(**run.params.settings)
    register_patient(patient, Path(run.files.atlas()), run.folder, settings, run.seed, run.threads)
