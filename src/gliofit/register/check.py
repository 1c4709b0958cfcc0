"""What is wrong with patients' files, file by file, before any time is spent on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from gliofit.core.children import safe_children
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.labels import whole_tumour_mask
from gliofit.inputs.images import read_image, read_segmentation
from gliofit.register.images import read_brain, read_t1
from gliofit.register.orientation import check_orientation
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import survey_patients
from gliofit.register.settings import PatientsSettings, RegisterSettings

__all__ = ["CheckedCase", "Finding", "check_patient", "check_patients"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or odd, with one file.

    Parameters
    ----------
    case
        The case; empty if the finding is about the whole source.
    file
        The file, or what else is wrong.
    problem
        What is wrong with it.
    hint
        What to do about it.
    severity
        ``error``: the case cannot be registered as it is. ``warning``: it can, but a person should know.
    code
        Kind of mistake, as in ``InputError`` and ``InputWarning``; empty for what only the check finds.
    """

    case: str
    file: Path | str
    problem: str
    hint: str
    severity: Literal["error", "warning"] = "error"
    code: str = ""


@dataclass(frozen=True)
class CheckedCase:
    """What a check found of one case.

    Parameters
    ----------
    case
        The case; empty if the findings are about the whole source.
    patient
        Its files; None if they could not be told.
    findings
        What is wrong or odd, in the order in which it was found.
    """

    case: str
    patient: PatientFiles | None
    findings: list[Finding]

    @property
    def error(self) -> Finding | None:
        """The first thing for which the case cannot be used, if there is one."""
        return next((finding for finding in self.findings if finding.severity == "error"), None)


def check_patients(
    settings: PatientsSettings,
    atlas_dir: Path | None = None,
    registration: RegisterSettings | None = None,
    cores: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[CheckedCase]:
    """Read every file of every patient and list what is wrong; nothing is written, and nothing stops it.

    Parameters
    ----------
    settings
        Which patients.
    atlas_dir
        Prepared atlas to compare brains with. Without it the built-in atlas is used.
    registration
        Settings whose orientation limits apply.
    cores
        Cases to look at at a time, each in a process of its own if more than one.
    progress
        Called with the number of cases done and of all cases.

    Returns
    -------
    Cases sorted by name; one without a name if the source itself cannot be used.
    """
    try:
        survey = survey_patients(settings)
    except InputError as error:
        return [CheckedCase("", None, [_refused("", error)])]
    cases: dict[str, CheckedCase] = {}
    if survey.patients:
        look = partial(_look, _atlas_brain(atlas_dir), registration or RegisterSettings())
        cases = {case.case: case for case in _each(look, survey.patients, cores, progress or (lambda *_: None))}
    others = [
        Finding(p.case, p.error.subject, p.error.problem, p.error.hint, code=p.error.code) for p in survey.problems
    ]
    others += [
        Finding(row.case, settings.source or "", f"refused by the check that wrote it ({row.message})", "check again")
        for row in survey.refused
    ]
    for finding in others:
        cases.setdefault(finding.case, CheckedCase(finding.case, None, [])).findings.append(finding)
    return [cases[case] for case in sorted(cases)]


def _look(atlas_brain: Volume, registration: RegisterSettings, patient: PatientFiles) -> CheckedCase:
    """Findings of one patient, whatever its files do to the check."""
    try:
        findings = check_patient(patient, atlas_brain, registration)
    except Exception as error:  # noqa: BLE001 - one case must not be the end of all others
        findings = [_unexpected(patient, f"{type(error).__name__}: {error}")]
    return CheckedCase(patient.case, patient, findings)


def _refused(case: str, error: InputError) -> Finding:
    return Finding(case, error.subject, error.problem, error.hint, code=error.code)


def _unexpected(patient: PatientFiles, what: str) -> Finding:
    return Finding(patient.case, patient.t1, f"the check failed ({what})", "look at the case's images, or leave it out")


def _each(
    look: Callable[[PatientFiles], CheckedCase],
    patients: list[PatientFiles],
    cores: int,
    progress: Callable[[int, int], None],
) -> Iterator[CheckedCase]:
    """Look at all patients, in any order."""
    if min(cores, len(patients)) == 1:
        for done, patient in enumerate(patients, start=1):
            yield look(patient)
            progress(done, len(patients))
        return
    done, lost = 0, []
    with safe_children(), ProcessPoolExecutor(min(cores, len(patients)), mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(look, patient): patient for patient in patients}
        for job in as_completed(jobs):
            try:
                yield job.result()
            except BrokenProcessPool:
                lost.append(jobs[job])
                continue
            done += 1
            progress(done, len(patients))
    # A process that dies, for want of memory say, takes the others' cases along: look again, one after the other.
    for patient in lost:
        with safe_children(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(look, patient).result()
            except BrokenProcessPool:
                yield CheckedCase(patient.case, patient, [_unexpected(patient, "its process died")])
        done += 1
        progress(done, len(patients))


def check_patient(patient: PatientFiles, atlas_brain: Volume, registration: RegisterSettings) -> list[Finding]:
    """Findings of one patient whose files are all there."""
    found = _Findings(patient.case)
    t1 = found.attempt(partial(read_t1, patient.t1, warnings=found.warnings))
    if t1 is None:
        return found.all
    if not patient.has_native_t1:
        found.warn(patient.t1, "takes the place of the native T1 image, which is missing", "add that if there is one")
    brain = found.attempt(partial(read_brain, patient, t1, warnings=found.warnings))
    images: dict[str, Volume] = {}
    for role in ("t1c", "t2", "flair"):
        path = getattr(patient, role)
        if path is not None:
            image = found.attempt(partial(read_image, path, t1.grid, warnings=found.warnings))
            if image is not None:
                images[role] = image
    segmentation = found.attempt(
        partial(read_segmentation, patient.seg, patient.labels, t1.grid, brain=brain, warnings=found.warnings)
    )
    if brain is not None:
        found.attempt(
            partial(
                check_orientation,
                str(patient.t1),
                brain,
                atlas_brain,
                registration.orientation_margin,
                registration.minimum_overlap,
            )
        )
        _check_images(found, patient, images, brain)
    if segmentation is not None and brain is not None and "flair" in images:
        _check_flair(found, patient.seg, whole_tumour_mask(segmentation.data), brain, images["flair"])
    return found.all


class _Findings:
    """Collects findings of one case."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.list: list[Finding] = []
        #: Warnings of the readers.
        self.warnings: list[InputWarning] = []

    @property
    def all(self) -> list[Finding]:
        """Findings and, after them, the warnings of the readers."""
        read = [Finding(self.case, w.subject, w.problem, w.hint, "warning", w.code) for w in self.warnings]
        return [*self.list, *read]

    def attempt(self, read: Callable[[], _T]) -> _T | None:
        """Result of ``read``, or None and a finding if it raises."""
        try:
            return read()
        except InputError as error:
            self.list.append(_refused(self.case, error))
            return None

    def warn(self, file: Path, problem: str, hint: str) -> None:
        """Add a warning."""
        self.list.append(Finding(self.case, file, problem, hint, "warning"))


def _check_images(found: _Findings, patient: PatientFiles, images: dict[str, Volume], brain: Volume) -> None:
    """Other images must show the same brain."""
    for role, image in images.items():
        path = getattr(patient, role)
        support = image.data != 0
        if not support.any():
            found.warn(path, "is empty", "give the image, or leave the file away")
            continue
        missing = float(np.mean(~support[brain.data]))
        if missing > 0.1:
            found.warn(
                path, f"is zero in {missing:.0%} of the brain", "check that it is the same case on the same grid"
            )


def _check_flair(found: _Findings, seg: Path, tumour: NDArray[np.bool_], brain: Volume, flair: Volume) -> None:
    """Tumours are bright on FLAIR."""
    healthy, inside = flair.data[brain.data & ~tumour], flair.data[brain.data & tumour]
    if inside.size and healthy.size and np.median(inside) < np.median(healthy):
        found.warn(
            seg,
            "the tumour is darker on FLAIR than the rest of the brain",
            "check that the segmentation belongs to these images and is not flipped",
        )


def _atlas_brain(atlas_dir: Path | None) -> Volume:
    if atlas_dir is not None:
        from gliofit.atlas.model import load_atlas

        return load_atlas(atlas_dir).brain_mask
    from gliofit.atlas.sources import mni152

    return mni152().brain_mask
