"""Reading one patient: T1 image, segmentation and brain, all on the grid of the T1 image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.atlas.brain import brain_from_image, solid
from gliofit.errors import InputError
from gliofit.grid import Grid, Volume
from gliofit.header import check_header
from gliofit.io import DAMAGED, read_volume
from gliofit.labels import translate_labels, whole_tumour_mask
from gliofit.register.patients import PatientFiles

__all__ = [
    "PatientImages",
    "check_inside",
    "read_brain",
    "read_grid",
    "read_like",
    "read_patient",
    "read_segmentation",
    "read_t1",
]

#: Brains outside this range (cubic centimetres) tell of a wrong voxel size in the header.
_BRAIN_CC = (500.0, 2500.0)

#: A segmentation with more of its tumour outside the brain than this belongs to other images.
_MOST_OUTSIDE = 0.5


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


def read_patient(files: PatientFiles) -> PatientImages:
    """Read what registration needs, and check that the other images lie on the same grid.

    Raises
    ------
    InputError
        Naming the file that is missing, unreadable, on another grid, in another label scheme, or of another brain.
    """
    t1 = read_t1(files.t1)
    segmentation = read_segmentation(files.seg, files.labels, t1.grid)
    for role in ("t1c", "t2", "flair"):
        path = getattr(files, role)
        if path is not None:
            _same_grid(read_grid(path), t1.grid, path)
    brain = read_brain(files, t1)
    check_inside(segmentation, brain, files.seg)
    return PatientImages(t1, segmentation, brain)


def read_t1(path: Path) -> Volume:
    """Read a T1 image and check that it can be a skull-stripped one."""
    volume = read_volume(path, np.float32)
    try:
        _ = volume.grid.isotropic_spacing_mm
    except InputError as error:
        raise InputError(path, error.problem, "resample the case to isotropic voxels (BraTS uses 1 mm)") from error
    if volume.data.min() == volume.data.max():
        raise InputError(path, "is constant", "give the T1 image of the case")
    return volume


def read_segmentation(path: Path, labels: str, grid: Grid) -> Volume:
    """Read a segmentation in any number type, in the axis order of ``grid``, as ``TumourLabel`` values."""
    volume = _like(read_volume(path), grid, path)
    rounded = np.rint(volume.data)
    if np.abs(volume.data - rounded).max() > 1e-3:
        raise InputError(
            path, "holds values that are not whole numbers", "resample segmentations with nearest neighbour"
        )
    return Volume(translate_labels(rounded.astype(np.int64), labels, str(path)), grid)


def read_brain(files: PatientFiles, t1: Volume) -> Volume:
    """Brain mask of a patient: the mask file, or where the skull-stripped T1 image is not zero.

    Raises
    ------
    InputError
        If the background is not zero, or the brain's volume is not a brain's.
    """
    subject = files.brain_mask or files.t1
    if files.brain_mask is not None:
        mask = solid(read_like(files.brain_mask, t1.grid).data > 0)
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
        )
    return Volume(mask, t1.grid)


def check_inside(segmentation: Volume, brain: Volume, path: Path) -> float:
    """Share of the tumour (``TumourLabel`` values) that lies outside the brain mask.

    Raises
    ------
    InputError
        Naming ``path`` if it is more than half.
    """
    outside = float(1 - brain.data[whole_tumour_mask(segmentation.data)].mean())
    if outside > _MOST_OUTSIDE:
        raise InputError(
            path,
            f"{outside:.0%} of the tumour lies outside the brain",
            "give the segmentation of this case, on the grid of its images",
        )
    return outside


def read_like(path: Path, grid: Grid) -> Volume:
    """Read a volume that must lie on ``grid``; another order of the axes is turned by the affine."""
    return _like(read_volume(path), grid, path)


def read_grid(path: Path) -> Grid:
    """Grid of an image from its header alone."""
    import nibabel as nib

    if not path.is_file():
        raise InputError(path, "file not found", "check the path")
    try:
        image: Any = nib.load(path)
    except Exception as error:
        raise InputError(path, f"not a readable NIfTI image ({error})", DAMAGED) from error
    check_header(image, path)
    try:
        return Grid(image.shape[:3], image.affine)
    except InputError as error:
        raise InputError(path, error.problem, error.hint) from error


def _like(volume: Volume, grid: Grid, path: Path) -> Volume:
    turned = volume.oriented_like(grid)
    _same_grid(turned.grid, grid, path)
    return Volume(np.ascontiguousarray(turned.data), grid)


def _same_grid(own: Grid, grid: Grid, path: Path) -> None:
    """Raise unless both grids agree up to the order of the axes."""
    if own.matches(grid):
        return
    turned = Volume(np.broadcast_to(np.uint8(0), own.shape), own).oriented_like(grid).grid
    if turned.matches(grid):
        return
    if turned.shape != grid.shape:
        difference = f"{_product(own.shape)} voxels, the T1 image {_product(grid.shape)}"
    else:
        gap = np.abs(turned.affine - grid.affine)[:3].max()
        difference = f"same number of voxels, affine apart by up to {gap:.3g}"
    raise InputError(
        path, f"lies on another grid than the T1 image ({difference})", "resample all images of a case onto one grid"
    )


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _border(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """The four edges of the box along its third axis, which no brain reaches even when the box is tight."""
    ends = (slice(0, 2), slice(-2, None))
    return np.concatenate([data[first, second].ravel() for first in ends for second in ends])
