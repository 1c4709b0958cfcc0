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

from gliofit.children import safe_children
from gliofit.errors import InputError
from gliofit.grid import Volume
from gliofit.labels import TumourLabel, core_mask, whole_tumour_mask
from gliofit.register.field_of_view import CUT_SHARE, edge_share
from gliofit.register.images import check_inside, read_brain, read_like, read_segmentation, read_t1
from gliofit.register.orientation import check_orientation
from gliofit.register.patients import PatientFiles, survey_patients
from gliofit.register.settings import PatientsSettings, RegisterSettings

__all__ = ["CheckedCase", "Finding", "check_patient", "check_patients"]

_T = TypeVar("_T")

#: Enhancing tumour under this volume (cc) says little; methods that need a core then use the necrotic label too.
_LITTLE_ENHANCING_CC = 1.5


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
    """

    case: str
    file: Path | str
    problem: str
    hint: str
    severity: Literal["error", "warning"] = "error"


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
        return [CheckedCase("", None, [Finding("", error.subject, error.problem, error.hint)])]
    cases: dict[str, CheckedCase] = {}
    if survey.patients:
        look = partial(_look, _atlas_brain(atlas_dir), registration or RegisterSettings())
        cases = {case.case: case for case in _each(look, survey.patients, cores, progress or (lambda *_: None))}
    others = [Finding(p.case, p.error.subject, p.error.problem, p.error.hint) for p in survey.problems]
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
    t1 = found.attempt(partial(read_t1, patient.t1))
    if t1 is None:
        return found.list
    if not patient.has_native_t1:
        found.warn(patient.t1, "takes the place of the native T1 image, which is missing", "add that if there is one")
    brain = found.attempt(partial(read_brain, patient, t1))
    images: dict[str, Volume] = {}
    for role in ("t1c", "t2", "flair"):
        path = getattr(patient, role)
        if path is not None:
            image = found.attempt(partial(read_like, path, t1.grid))
            if image is not None:
                images[role] = image
    segmentation = found.attempt(partial(read_segmentation, patient.seg, patient.labels, t1.grid))
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
        cut = edge_share(brain.data)
        if cut > CUT_SHARE:
            found.warn(
                patient.t1,
                f"the edge of the volume cuts the brain ({cut:.0%} of its surface)",
                "look well at qc.png, since the missing part cannot be registered",
            )
        _check_images(found, patient, images, brain)
    if segmentation is not None:
        _check_segmentation(found, patient, segmentation, brain, images.get("flair"))
    return found.list


class _Findings:
    """Collects findings of one case."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.list: list[Finding] = []

    def attempt(self, read: Callable[[], _T]) -> _T | None:
        """Result of ``read``, or None and a finding if it raises."""
        try:
            return read()
        except InputError as error:
            self.list.append(Finding(self.case, error.subject, error.problem, error.hint))
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


def _check_segmentation(
    found: _Findings, patient: PatientFiles, segmentation: Volume, brain: Volume | None, flair: Volume | None
) -> None:
    labels, cc = segmentation.data, segmentation.grid.voxel_volume_mm3 / 1000
    tumour = whole_tumour_mask(labels)
    enhancing = float((labels == TumourLabel.ENHANCING).sum()) * cc
    if not core_mask(labels).any():
        found.warn(
            patient.seg,
            "has no core, oedema alone",
            f"check the label scheme ({patient.labels}); methods are fitted to the whole tumour alone",
        )
    elif enhancing == 0:
        found.warn(
            patient.seg,
            "has no enhancing tumour",
            "nothing to do for a low-grade tumour: the core then is the necrotic or non-enhancing label; "
            f"otherwise check the label scheme ({patient.labels})",
        )
    elif enhancing < _LITTLE_ENHANCING_CC:
        found.warn(patient.seg, f"has only {enhancing:.1f} cc of enhancing tumour", "read the core's numbers with care")
    cavity = float((labels == TumourLabel.CAVITY).sum()) * cc
    if cavity > 0:
        found.warn(
            patient.seg,
            f"has {cavity:.1f} cc of resection cavity",
            "take images from before surgery: to a growth model the cavity is tissue that no tumour has reached",
        )
    cut = edge_share(tumour)
    if cut > CUT_SHARE:
        found.warn(
            patient.seg,
            f"the edge of the volume cuts the tumour ({cut:.0%} of its surface)",
            "read its numbers with care: what lies beyond is unknown",
        )
    if brain is None:
        return
    outside = found.attempt(partial(check_inside, segmentation, brain, patient.seg))
    if outside is None:
        return
    if outside > 0.05:
        found.warn(patient.seg, f"{outside:.0%} of the tumour lies outside the brain", "check that the grids agree")
    elif outside > 0.001:
        found.warn(patient.seg, f"{outside:.1%} of the tumour lies outside the brain", "nothing, if that is its edge")
    if flair is not None:
        healthy = flair.data[brain.data & ~tumour]
        inside = flair.data[brain.data & tumour]
        if inside.size and healthy.size and np.median(inside) < np.median(healthy):
            found.warn(
                patient.seg,
                "the tumour is darker on FLAIR than the rest of the brain",
                "check that the segmentation belongs to these images and is not flipped",
            )


def _atlas_brain(atlas_dir: Path | None) -> Volume:
    if atlas_dir is not None:
        from gliofit.atlas.model import load_atlas

        return load_atlas(atlas_dir).brain_mask
    from gliofit.atlas.sources import mni152

    return mni152().brain_mask
