"""Reading one patient: T1 image, segmentation and brain, all on the grid of the T1 image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofit.atlas.brain import brain_from_image, solid
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.inputs.anatomy import brain_warnings
from gliofit.inputs.images import check_grid, read_image, read_mask, read_segmentation
from gliofit.register.patient_files import PatientFiles

__all__ = [
    "PatientImages",
    "read_brain",
    "read_patient",
    "read_t1",
]

#: Brains outside this range (cubic centimetres) tell of a wrong voxel size in the header.
_BRAIN_CC = (500.0, 2500.0)


@dataclass(frozen=True, eq=False)
class PatientImages:
    """One patient on the grid of the T1 image.

    Parameters
    ----------
    t1
        T1 image as read, float32.
    segmentation
        ``TumourLabel`` values, uint8.
    brain
        Brain mask, bool.
    """

    t1: Volume
    segmentation: Volume
    brain: Volume


def read_patient(files: PatientFiles, *, warnings: list[InputWarning]) -> PatientImages:
    """Read what registration needs, and check that the other images lie on the same grid.

    Parameters
    ----------
    files
        Files and label scheme of the patient.
    warnings
        List that warnings are appended to.

    Raises
    ------
    InputError
        Naming the file that is missing, unreadable, on another grid, in another label scheme, or of another brain.
    """
    t1 = read_t1(files.t1, warnings=warnings)
    brain = read_brain(files, t1, warnings=warnings)
    segmentation = read_segmentation(files.seg, files.labels, t1.grid, brain=brain, warnings=warnings)
    for role in ("t1c", "t2", "flair"):
        path = getattr(files, role)
        if path is not None:
            check_grid(path, t1.grid, warnings=warnings)
    return PatientImages(t1, segmentation, brain)


def read_t1(path: Path, *, warnings: list[InputWarning]) -> Volume:
    """Read a T1 image and check that it can be a skull-stripped one."""
    volume = read_image(path, warnings=warnings, isotropic=True)
    if volume.data.min() == volume.data.max():
        raise InputError(path, "is constant", "give the T1 image of the case")
    return volume


def read_brain(files: PatientFiles, t1: Volume, *, warnings: list[InputWarning]) -> Volume:
    """Brain mask of a patient: the mask file, or where the skull-stripped T1 image is not zero.

    Raises
    ------
    InputError
        If the background is not zero, or the brain's volume is not a brain's.
    """
    subject = files.brain_mask or files.t1
    if files.brain_mask is not None:
        mask = solid(read_mask(files.brain_mask, t1.grid, warnings=warnings).data)
    else:
        border = _border(t1.data)
        if np.count_nonzero(border) > 0.5 * border.size:
            raise InputError(
                files.t1,
                "the background is not zero",
                "give a skull-stripped image with background zero, or a brain_mask file in the patients table",
            )
        mask = brain_from_image(t1.data)
    cc = float(mask.sum()) * t1.grid.voxel_volume_mm3 / 1000
    if not _BRAIN_CC[0] <= cc <= _BRAIN_CC[1]:
        raise InputError(
            subject,
            f"the brain measures {cc:.0f} cc (spacing {t1.grid.spacing_mm[0]:g} mm)",
            "check the voxel size in the header, and that the image is skull-stripped with background zero",
            code="brain-volume",
        )
    warnings += brain_warnings(mask, subject)
    return Volume(mask, t1.grid)


def _border(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """The four edges of the box along its third axis, which no brain reaches even when the box is tight."""
    ends = (slice(0, 2), slice(-2, None))
    return np.concatenate([data[first, second].ravel() for first in ends for second in ends])
