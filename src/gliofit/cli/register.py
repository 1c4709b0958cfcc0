"""``gliofit register``: register the atlas to a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gliofit.cli import machine, options
from gliofit.cli.options import HOW, OBSERVED, option
from gliofit.cli.result import print_warnings, say
from gliofit.core.output import REGISTER_FILES, claim_folder, files_in, name_of_folder
from gliofit.core.progress import show_progress

EXAMPLES = ("gliofit register --t1 t1.nii.gz --seg seg.nii.gz --labels brats2021 \\\n    --out registered/",)


def register(
    t1: Annotated[Path, option(OBSERVED, "The patient's native T1, skull-stripped.")],
    seg: Annotated[Path, option(OBSERVED, "The patient's tumour segmentation.")],
    labels: options.LabelsOption,
    out: options.OutFolderOption,
    atlas: Annotated[str, option(HOW, "mni152, or a folder with a T1 and tissue.")] = "mni152",
    threads: options.ThreadsOption = None,
    random_seed: options.RandomSeedOption = 0,
    as_json: options.JsonOption = False,
) -> None:
    """Register the atlas to a patient: tissue maps on the patient's grid, with quality control."""
    granted = machine.set_threads(threads)
    from gliofit.core.io import check_file, read_table
    from gliofit.core.labels import check_scheme

    check_scheme(labels, "--labels")
    for path in (t1, seg):
        check_file(path)
    from gliofit.atlas.prepare import prepare_atlas
    from gliofit.atlas.settings import AtlasSettings
    from gliofit.register.patient_files import PatientFiles
    from gliofit.register.run import register_patient
    from gliofit.register.settings import RegisterSettings

    patient = PatientFiles(case=name_of_folder(out), t1=t1, seg=seg, labels=labels)
    with (
        print_warnings() as warnings,
        show_progress("gliofit register") as progress,
        claim_folder(out, REGISTER_FILES, (t1, seg)) as scratch,
    ):
        progress("preparing the atlas")
        prepare_atlas(AtlasSettings(source=atlas), scratch, warnings)
        register_patient(patient, scratch, out, RegisterSettings(), random_seed, granted, progress, warnings)
    quality = read_table(out / "qc.parquet").iloc[0].to_dict()
    picture = out / "qc.png"
    verdict = "" if quality["status"] == "ok" else f" ({quality['status']}: {quality['message']})"
    say(
        as_json,
        {"folder": out, "files": files_in(out, REGISTER_FILES), "quality": quality},
        f"{out}: tissue maps and qc.parquet written{verdict}" + (f"; look at {picture}" if picture.exists() else ""),
        warnings=warnings,
    )
