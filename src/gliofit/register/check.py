"""What is wrong with patients' files, file by file, before any time is spent on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from gliofit.errors import InputError
from gliofit.grid import Volume
from gliofit.labels import TumourLabel, whole_tumour_mask
from gliofit.register.images import read_brain, read_like, read_segmentation, read_t1
from gliofit.register.orientation import check_orientation
from gliofit.register.patients import PatientFiles, survey_patients
from gliofit.register.settings import PatientsSettings, RegisterSettings

__all__ = ["Finding", "check_patient", "check_patients"]

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
    mend
        What to do about it.
    severity
        ``error``: the case cannot be registered as it is. ``warning``: it can, but a person should know.
    """

    case: str
    file: Path | str
    problem: str
    mend: str
    severity: Literal["error", "warning"] = "error"


def check_patients(
    settings: PatientsSettings, atlas_dir: Path | None = None, registration: RegisterSettings | None = None
) -> list[Finding]:
    """Read every file of every patient and list what is wrong; nothing is written, and nothing stops it.

    Parameters
    ----------
    settings
        Which patients.
    atlas_dir
        Prepared atlas to compare brains with. Without it the built-in atlas is used.
    registration
        Settings whose orientation limits apply.
    """
    try:
        patients, problems = survey_patients(settings)
    except InputError as error:
        return [Finding("", error.subject, error.problem, error.mend)]
    findings = [Finding(p.case, p.error.subject, p.error.problem, p.error.mend) for p in problems]
    atlas_brain = _atlas_brain(atlas_dir) if patients else None
    for patient in patients:
        assert atlas_brain is not None
        findings += check_patient(patient, atlas_brain, registration or RegisterSettings())
    return findings


def check_patient(patient: PatientFiles, atlas_brain: Volume, registration: RegisterSettings) -> list[Finding]:
    """Findings of one patient whose files are all there."""
    found = _Findings(patient.case)
    t1 = found.attempt(partial(read_t1, patient.t1))
    if t1 is None:
        return found.list
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
            self.list.append(Finding(self.case, error.subject, error.problem, error.mend))
            return None

    def warn(self, file: Path, problem: str, mend: str) -> None:
        """Add a warning."""
        self.list.append(Finding(self.case, file, problem, mend, "warning"))


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
    if enhancing == 0:
        found.warn(
            patient.seg,
            "has no enhancing tumour",
            "nothing to do for a low-grade tumour: the core then is the necrotic or non-enhancing label; "
            f"otherwise check the label scheme ({patient.labels})",
        )
    elif enhancing < _LITTLE_ENHANCING_CC:
        found.warn(patient.seg, f"has only {enhancing:.1f} cc of enhancing tumour", "read the core's numbers with care")
    if brain is None:
        return
    outside = float(1 - brain.data[tumour].mean())
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
