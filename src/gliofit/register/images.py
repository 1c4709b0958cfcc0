"""Images of one patient: T1 image, segmentation and brain mask on the grid of the T1 image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliofit.atlas.model import brain_from_image, solid
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.inputs.anatomy import brain_warnings
from gliofit.inputs.images import check_grid, read_image, read_mask, read_segmentation
from gliofit.register.patient_files import PatientFiles

#: Range of brain volumes in cc; others indicate a wrong voxel size in the header.
_BRAIN_CC = (500.0, 2500.0)


@dataclass(frozen=True, eq=False)
class PatientImages:
    """T1 image (float32), segmentation (``TumourLabel`` values, uint8) and brain mask (bool) on one grid."""

    t1: Volume
    segmentation: Volume
    brain: Volume


def read_patient(files: PatientFiles, *, warnings: list[InputWarning]) -> PatientImages:
    """Read the images for registration, and check the grids of the others.

    Warnings about the images are appended to ``warnings``.

    Raises
    ------
    InputError
        If a file is missing, unreadable, on another grid, in another label scheme, or of another brain.
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
    """Read a T1 image; InputError if it is constant or its voxels are not cubes."""
    volume = read_image(path, warnings=warnings, isotropic=True)
    if volume.data.min() == volume.data.max():
        raise InputError(path, "is constant", "give the T1 image of the case")
    return volume


def read_brain(files: PatientFiles, t1: Volume, *, warnings: list[InputWarning]) -> Volume:
    """Return the brain mask of a patient: the mask file, or the non-zero part of the skull-stripped T1 image.

    Raises
    ------
    InputError
        If the background is not zero, or the volume is implausible (``brain-volume``).
    """
    subject = files.brain_mask or files.t1
    if files.brain_mask is not None:
        mask = solid(read_mask(files.brain_mask, t1.grid, warnings=warnings).data)
    else:
        # The edges along the third axis are outside the brain, even if the field of view is tight.
        ends = (slice(0, 2), slice(-2, None))
        border = np.concatenate([t1.data[first, second].ravel() for first in ends for second in ends])
        if np.count_nonzero(border) > 0.5 * border.size:
            problem = "the background is not zero"
            hint = "give a skull-stripped image with background zero, or a brain_mask file in the patients table"
            raise InputError(files.t1, problem, hint)
        mask = brain_from_image(t1.data)
    cc = float(mask.sum()) * t1.grid.voxel_volume_mm3 / 1000
    if not _BRAIN_CC[0] <= cc <= _BRAIN_CC[1]:
        problem = f"the brain measures {cc:.0f} cc (spacing {t1.grid.spacing_mm[0]:g} mm)"
        hint = "check the voxel size in the header, and that the image is skull-stripped with background zero"
        raise InputError(subject, problem, hint, "brain-volume")
    warnings += brain_warnings(mask, subject)
    return Volume(mask, t1.grid)
