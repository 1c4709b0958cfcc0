"""Check of patients' files before a run, and the patients table with its results."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from gliofit.core.children import safe_children
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import atomic_path
from gliofit.core.labels import whole_tumour_mask
from gliofit.inputs.images import read_image, read_segmentation
from gliofit.register.images import read_brain, read_t1
from gliofit.register.orientation import check_orientation
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import survey_patients
from gliofit.register.settings import PatientsSettings, RegisterSettings
from gliofit.register.table import CHECK_COLUMNS, COLUMNS

_T = TypeVar("_T")


@dataclass(frozen=True)
class Finding:
    """An error (the case cannot be registered) or warning about one file or other subject.

    ``case`` is empty for a finding about the whole source, ``code`` for a finding of the check itself.
    """

    case: str
    file: Path | str
    problem: str
    hint: str
    severity: Literal["error", "warning"] = "error"
    code: str = ""


@dataclass(frozen=True)
class CheckedCase:
    """Findings of one case; ``case`` is empty for the whole source, ``patient`` None if the files are unknown."""

    case: str
    patient: PatientFiles | None
    findings: list[Finding]

    @property
    def error(self) -> Finding | None:
        """The first error, None for a usable case."""
        return next((finding for finding in self.findings if finding.severity == "error"), None)


def check_patients(
    settings: PatientsSettings,
    atlas_dir: Path | None = None,
    cores: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[CheckedCase]:
    """Read every file of every patient and list errors and warnings, without writing files.

    Parameters
    ----------
    atlas_dir
        Prepared atlas for the comparison of brains; None: the built-in atlas.
    cores
        Number of cases checked at a time; more than one run in separate processes.
    progress
        Called with the numbers of finished cases and of all cases.

    Returns
    -------
    list of CheckedCase
        Cases sorted by name; one without a name if the source itself cannot be used.
    """
    try:
        survey = survey_patients(settings)
    except InputError as error:
        return [CheckedCase("", None, [_error("", error)])]
    cases: dict[str, CheckedCase] = {}
    if survey.patients:
        check = partial(_check, _atlas_brain(atlas_dir), RegisterSettings())
        cases = {case.case: case for case in _each(check, survey.patients, cores, progress or (lambda *_: None))}
    findings = [_error(problem.case, problem.error) for problem in survey.problems]
    findings += [
        Finding(row.case, settings.source or "", f"refused by an earlier check ({row.message})", "check again")
        for row in survey.refused
    ]
    for finding in findings:
        cases.setdefault(finding.case, CheckedCase(finding.case, None, [])).findings.append(finding)
    return [cases[case] for case in sorted(cases)]


def _check(atlas_brain: Volume, registration: RegisterSettings, patient: PatientFiles) -> CheckedCase:
    try:
        findings = check_patient(patient, atlas_brain, registration)
    except Exception as error:  # noqa: BLE001 - the other cases are checked anyway
        findings = [_failure(patient, f"{type(error).__name__}: {error}")]
    return CheckedCase(patient.case, patient, findings)


def _error(case: str, error: InputError) -> Finding:
    return Finding(case, error.subject, error.problem, error.hint, code=error.code)


def _failure(patient: PatientFiles, reason: str) -> Finding:
    return Finding(patient.case, patient.t1, f"the check failed ({reason})", "inspect the images, or exclude the case")


def _each(
    check: Callable[[PatientFiles], CheckedCase],
    patients: list[PatientFiles],
    cores: int,
    progress: Callable[[int, int], None],
) -> Iterator[CheckedCase]:
    """Check all patients, in any order."""
    if min(cores, len(patients)) == 1:
        for done, patient in enumerate(patients, start=1):
            yield check(patient)
            progress(done, len(patients))
        return
    done, lost = 0, []
    with safe_children(), ProcessPoolExecutor(min(cores, len(patients)), mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(check, patient): patient for patient in patients}
        for job in as_completed(jobs):
            try:
                yield job.result()
            except BrokenProcessPool:
                lost.append(jobs[job])
                continue
            done += 1
            progress(done, len(patients))
    # When one process dies, for example for lack of memory, the pool loses all other cases as well.
    for patient in lost:
        with safe_children(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(check, patient).result()
            except BrokenProcessPool:
                yield CheckedCase(patient.case, patient, [_failure(patient, "its process died")])
        done += 1
        progress(done, len(patients))


def check_patient(patient: PatientFiles, atlas_brain: Volume, registration: RegisterSettings) -> list[Finding]:
    """List the findings of one patient: errors and warnings of the check, then warnings of the readers."""
    case = patient.case
    findings: list[Finding] = []
    warnings: list[InputWarning] = []

    def attempt(function: Callable[..., _T], *arguments: Any, **options: Any) -> _T | None:
        try:
            return function(*arguments, **options)
        except InputError as error:
            findings.append(_error(case, error))
            return None

    def warn(file: Path, problem: str, hint: str) -> None:
        findings.append(Finding(case, file, problem, hint, "warning"))

    t1 = attempt(read_t1, patient.t1, warnings=warnings)
    if t1 is not None:
        if not patient.has_native_t1:
            warn(patient.t1, "replaces the missing native T1 image", "add the native T1 image if it exists")
        brain = attempt(read_brain, patient, t1, warnings=warnings)
        images = {
            path: image
            for path in (patient.t1c, patient.t2, patient.flair)
            if path is not None and (image := attempt(read_image, path, t1.grid, warnings=warnings)) is not None
        }
        segmentation = attempt(read_segmentation, patient.seg, patient.labels, t1.grid, brain=brain, warnings=warnings)
        if brain is not None:
            limits = registration.orientation_margin, registration.minimum_overlap
            attempt(check_orientation, str(patient.t1), brain, atlas_brain, *limits)
            for path, image in images.items():
                missing = float(np.mean(image.data[brain.data] == 0))
                if not image.data.any():
                    warn(path, "is empty", "give the image, or omit the file")
                elif missing > 0.1:
                    hint = "check that it is the same case on the same grid"
                    warn(path, f"is zero in {missing:.0%} of the brain", hint)
            if segmentation is not None and patient.flair in images:
                tumour, flair = whole_tumour_mask(segmentation.data), images[patient.flair].data
                inside, outside = flair[brain.data & tumour], flair[brain.data & ~tumour]
                if inside.size and outside.size and np.median(inside) < np.median(outside):
                    warn(
                        patient.seg,
                        "the tumour is darker on FLAIR than the rest of the brain",
                        "check that the segmentation belongs to these images and is not flipped",
                    )
    return findings + [Finding(case, w.subject, w.problem, w.hint, "warning", w.code) for w in warnings]


def _atlas_brain(atlas_dir: Path | None) -> Volume:
    if atlas_dir is not None:
        from gliofit.atlas.model import load_atlas

        return load_atlas(atlas_dir).brain_mask
    from gliofit.atlas.sources import mni152

    return mni152().brain_mask


_TABLE_COLUMNS = (*(name for name in COLUMNS if name != "folder"), *CHECK_COLUMNS)


def write_cohort_table(path: Path, cases: Iterable[CheckedCase]) -> None:
    """Write one row per case with its files, ``status`` (use or refused) and ``message`` (the reason).

    Paths below the table's folder are relative to it, others absolute. An identical table is not written again.
    Findings without a case have no row.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _TABLE_COLUMNS, delimiter="," if path.suffix == ".csv" else "\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(case, path.parent.absolute()) for case in cases if case.case)
    text = out.getvalue()
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _row(case: CheckedCase, folder: Path) -> dict[str, str]:
    row = {"case": case.case, "status": "use"}
    if case.patient is not None:
        files = {role: path.absolute() for role, path in case.patient.images.items()}
        if not case.patient.has_native_t1:
            del files["t1"]
        row["labels"] = case.patient.labels
        for role, path in files.items():
            row[role] = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    if case.error is not None:
        message = f"{case.error.file}: {case.error.problem}; {case.error.hint}"
        row |= {"status": "refused", "message": " ".join(message.split())}
    return row
