"""Rule write_patient_page.

Input: registration, estimates, final runs and scores of one patient, and what there is of MRI, uncertainty maps, target
volumes and, of phantoms, truth. Output: the patient's page and its picture.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.invert.settings import BoundsSettings
    from gliofit.publish.patient_page import PatientSources, write_patient_page
    from gliofit.publish.settings import PublishSettings
    from gliofit.register.settings import RegisterSettings

    sources = PatientSources(
        run.wildcards.case,
        Path(run.input.t1).parent,
        {Path(file).parent.name: Path(file).parent for file in run.input.parameters},
        {Path(file).parent.name: Path(file).parent for file in run.input.concentrations},
        Path(run.input.metrics),
        images={role: Path(run.input[role]) for role in ("t1c", "flair") if role in run.input.keys()},
        uncertainties={Path(file).parent.name: Path(file) for file in run.input.uncertainties},
        plans={Path(file).parent.name: Path(file) for file in run.input.plans},
        truth=Path(run.input.truth) if "truth" in run.input.keys() else None,
    )
    settings, bounds = PublishSettings(**run.params.settings), BoundsSettings(**run.params.bounds)
    register = RegisterSettings(**run.params.register)
    write_patient_page(sources, run.folder, settings, bounds, register, run.params.run)
