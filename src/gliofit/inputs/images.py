"""Readers of a user's images, one for each role.

Each reader checks the values, turns the array onto the grid of the case, and appends warnings about the image to the
list ``warnings``. ``gliofit.core.io`` reads results of gliofit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import GridError, InputError, InputWarning
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_grid, read_stored
from gliofit.core.labels import LABEL_SCHEMES, TumourLabel, check_scheme, translate_labels
from gliofit.core.tissue import Tissue
from gliofit.core.unit_interval import concentration_values, tissue_fractions
from gliofit.inputs.anatomy import check_labels, check_segmentation, check_tissue, scheme_hint

#: Tolerated distance of labels from integers; programs that store floating point write labels such as 3.9999.
_ROUNDING = 1e-3

#: Largest tolerated distance of scaled labels from integers, for any quantisation step of the file.
_COARSEST_ROUNDING = 0.1

#: Largest label; larger numbers are intensities.
_LARGEST_LABEL = 2**31

#: Largest number of labels in a mask, without zero.
_MOST_MASK_LABELS = 10


def read_image(
    path: Path,
    grid: Grid | None = None,
    *,
    warnings: list[InputWarning],
    reference: str = "the T1 image",
    isotropic: bool = False,
) -> Volume:
    """Read an image of intensities, float32.

    Parameters
    ----------
    grid
        Grid of the case, in any axis order. None: the grid of the file.
    warnings
        Warnings are appended to this list.
    reference
        Name of the image of ``grid`` in messages.
    isotropic
        Whether voxels must be cubes.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, or has other voxels.
    """
    volume, _ = _read(path, grid, warnings, reference, isotropic)
    return Volume(volume.data.astype(np.float32), volume.grid)


def check_grid(path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the T1 image") -> None:
    """Check by its header that an image lies on ``grid``; parameters and errors are those of ``read_image``."""
    header_grid = read_grid(path)
    _note_orientation(header_grid, path, warnings)
    header_grid.check_same(grid, path, reference)


def read_mask(path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the T1 image") -> Volume:
    """Read a mask (bool): fractions between 0 and 1 with threshold 0.5, or up to 10 labels with 0 outside.

    Parameters are those of ``read_image``.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, holds other values (``mask-scale``) or none (``mask-empty``).
    """
    volume, step = _read(path, grid, warnings, reference)
    low, high = float(volume.data.min()), float(volume.data.max())
    if low >= -0.01 and high <= 1.01:
        inside = volume.data > 0.5
    else:
        numbers = _integers(volume.data, step)
        if numbers is None or numbers.min() < 0 or len(np.unique(numbers)) > _MOST_MASK_LABELS + 1:
            problem = f"is not a mask (values from {low:g} to {high:g})"
            raise InputError(path, problem, "give 0 and 1, or fractions between them", "mask-scale")
        inside = numbers > 0
    if not inside.any():
        raise InputError(path, "is an empty mask", "give the mask, or leave it out", "mask-empty")
    return Volume(inside, volume.grid)


def read_label_values(
    path: Path, grid: Grid | None, *, warnings: list[InputWarning], reference: str = "the T1 image"
) -> Volume:
    """Read an image of labels (int64), with any meaning.

    Values of any type are rounded if they are integers within 0.001 or, if the header has a scale, within half a
    quantisation step. Parameters are those of ``read_image``.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, or holds values that are not integers (``labels-not-whole``).
    """
    volume, step = _read(path, grid, warnings, reference)
    numbers = _integers(volume.data, step)
    if numbers is None:
        hint = "give labels, resampled with nearest neighbour"
        raise InputError(path, "holds values that are not integers", hint, "labels-not-whole")
    return Volume(numbers, volume.grid)


def read_segmentation(
    path: Path,
    scheme: str,
    grid: Grid,
    *,
    brain: Volume | None = None,
    warnings: list[InputWarning],
    reference: str = "the T1 image",
    hint: str | None = None,
) -> Volume:
    """Read a tumour segmentation as ``TumourLabel`` values (uint8) on the grid of the case.

    Parameters
    ----------
    path, grid, warnings, reference
        As for ``read_image``.
    brain
        Brain mask (bool) on ``grid``, to check the tumour's position and size.
    hint
        What to do about labels that the scheme does not define; by default, to name another scheme.

    Raises
    ------
    InputError
        As ``read_label_values``, ``translate_labels`` and ``check_segmentation``.
    """
    values = read_label_values(path, grid, warnings=warnings, reference=reference)
    labels = _translate(values.data, scheme, path, hint)
    check_segmentation(labels, values.grid, scheme, path, warnings, None if brain is None else brain.data)
    return Volume(labels, values.grid)


def read_follow_up(
    path: Path,
    scheme: str,
    grid: Grid,
    *,
    brain: Volume | None = None,
    warnings: list[InputWarning],
    reference: str = "the T1 image",
) -> Volume:
    """Read a segmentation after treatment, which may have no tumour; otherwise as ``read_segmentation``.

    The value 4 of ``brats2023`` is also read as resection cavity.
    """
    scheme = "brats2024" if scheme == "brats2023" else scheme
    values = read_label_values(path, grid, warnings=warnings, reference=reference)
    check_scheme(scheme, str(path))
    no_tumour = [0, *(value for value, label in LABEL_SCHEMES[scheme].items() if label == TumourLabel.CAVITY)]
    if np.isin(values.data, no_tumour).all():
        return Volume(np.where(values.data != 0, TumourLabel.CAVITY, 0).astype(np.uint8), values.grid)
    labels = _translate(values.data, scheme, path)
    check_labels(labels, values.grid, scheme, path, warnings, None if brain is None else brain.data)
    return Volume(labels, values.grid)


def _translate(values: NDArray[np.int64], scheme: str, path: Path, hint: str | None = None) -> NDArray[np.uint8]:
    """Translate a source's values; by default the hint names the schemes that fit the anatomy."""
    try:
        return translate_labels(values, scheme, str(path), hint)
    except InputError as error:
        if hint is None and error.code == "labels-of-another-scheme":
            raise InputError(path, error.problem, scheme_hint(values), error.code) from None
        raise


def read_concentration(
    path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the tissue"
) -> Volume:
    """Read a tumour-cell concentration in [0, 1], float32; parameters are those of ``read_image``.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, or holds values outside [0, 1] (``concentration-scale``).
    """
    volume, _ = _read(path, grid, warnings, reference)
    return Volume(concentration_values(volume.data, path), volume.grid)


def read_tissue_labels(path: Path, *, warnings: list[InputWarning], isotropic: bool = False) -> Tissue:
    """Read a tissue label map (0 background, 1 CSF, 2 grey matter, 3 white matter).

    Parameters are those of ``read_image``; InputError if the file cannot be read or holds other values.
    """
    labels = read_label_values(path, None, warnings=warnings)
    if isotropic:
        _check_isotropic(labels.grid, path)
    tissue = Tissue.from_labels(labels, path)
    check_tissue(tissue, path, warnings)
    return tissue


def read_tissue_maps(
    wm: Path, gm: Path, csf: Path | None = None, *, warnings: list[InputWarning], isotropic: bool = False
) -> Tissue:
    """Read tissue maps of fractions; CSF is zero if it is not given.

    The maps are on one grid in any axis order; the tissue has the axis order of ``wm``. ``warnings`` and ``isotropic``
    are those of ``read_image``.

    Raises
    ------
    InputError
        If a file cannot be read, lies on another grid than ``wm``, or holds values that are not fractions.
    """
    white, _ = _read(wm, None, warnings, "", isotropic)
    maps = [Volume(tissue_fractions(white.data, wm), white.grid)]
    for path in (gm,) if csf is None else (gm, csf):
        volume, _ = _read(path, white.grid, warnings, wm.name)
        maps.append(Volume(tissue_fractions(volume.data, path), volume.grid))
    tissue = Tissue.from_maps(maps[0], maps[1], None if csf is None else maps[2], wm)
    check_tissue(tissue, wm, warnings)
    return tissue


def _read(
    path: Path, grid: Grid | None, warnings: list[InputWarning], reference: str, isotropic: bool = False
) -> tuple[Volume, float]:
    """Read an image in its stored type, turned onto ``grid`` if given, and the quantisation step of its file."""
    volume, step = read_stored(path)
    _note_orientation(volume.grid, path, warnings)
    if isotropic:
        _check_isotropic(volume.grid, path)
    return (volume if grid is None else volume.onto(grid, path, reference)), step


def _note_orientation(grid: Grid, path: Path, warnings: list[InputWarning]) -> None:
    """Warn about a header that does not state the orientation of the axes."""
    problem = (
        f"its header states no orientation, and {grid.axis_codes} is assumed; left and right, front and back, or top "
        "and bottom may be exchanged"
    )
    hint = "write the affine of the image into the header, with a form code"
    warning = InputWarning(str(path), problem, hint, "orientation-unknown")
    if not grid.orientation_known and warning not in warnings:
        warnings.append(warning)


def _check_isotropic(grid: Grid, path: Path) -> None:
    try:
        _ = grid.isotropic_spacing_mm
    except GridError as error:
        raise error.about(path) from error


def _integers(data: NDArray[Any], step: float) -> NDArray[np.int64] | None:
    """Round labels to integers; None if they are not integers within the tolerance for a quantisation step."""
    if data.dtype.kind in "iu":
        return data.astype(np.int64)
    rounded = np.rint(data)
    tolerance = max(_ROUNDING, min(step / 2, _COARSEST_ROUNDING))
    are_labels = np.abs(data - rounded).max() <= tolerance and np.abs(rounded).max() <= _LARGEST_LABEL
    return rounded.astype(np.int64) if are_labels else None
