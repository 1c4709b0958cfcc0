"""Images that a user gives: one reader for each role, the same for every command.

Each reader checks that the values are what the role holds, brings the array onto the grid of the case, and appends what
a person should know to ``warnings``. Results of gliofit itself are read by ``gliofit.core.io``.
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

__all__ = [
    "check_grid",
    "read_concentration",
    "read_follow_up",
    "read_image",
    "read_label_values",
    "read_mask",
    "read_segmentation",
    "read_tissue_labels",
    "read_tissue_maps",
]

#: Whole numbers may be off by this: labels such as 3.9999 come from programs that store them as floating point.
_ROUNDING = 1e-3

#: Most that a scaled label may be off a whole number, however coarse the steps that its file can store.
_COARSEST_ROUNDING = 0.1

#: Labels lie within this; larger numbers are intensities.
_LARGEST_LABEL = 2**31

#: More values than this beside zero are not labels of parts of a mask.
_MOST_MASK_LABELS = 10


def read_image(
    path: Path,
    grid: Grid | None = None,
    *,
    warnings: list[InputWarning],
    reference: str = "the T1 image",
    isotropic: bool = False,
) -> Volume:
    """Read an image of intensities.

    Parameters
    ----------
    path
        The file.
    grid
        Grid that the image must lie on, in any axis order. None: it keeps its own.
    warnings
        List that warnings are appended to.
    reference
        What messages call the image of ``grid``.
    isotropic
        Whether voxels must be cubes.

    Returns
    -------
    The image, float32.

    Raises
    ------
    InputError
        If the file cannot be read, or lies on another grid.
    """
    volume, _ = _read(path, grid, warnings, reference)
    if isotropic:
        _check_isotropic(volume.grid, path)
    return Volume(volume.data.astype(np.float32), volume.grid)


def check_grid(path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the T1 image") -> None:
    """Check by the header alone that an image lies on ``grid``; parameters and errors are those of ``read_image``."""
    own = read_grid(path)
    _note_orientation(own, path, warnings)
    own.check_same(grid, path, reference)


def read_mask(path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the T1 image") -> Volume:
    """Read a mask: fractions between 0 and 1, cut at one half, or a few whole numbers, of which 0 is outside.

    Parameters
    ----------
    path, grid, warnings, reference
        As for ``read_image``.

    Returns
    -------
    The mask, bool.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, holds other values (a mask in per cent), or nothing.
    """
    volume, step = _read(path, grid, warnings, reference)
    low, high = float(volume.data.min()), float(volume.data.max())
    numbers = None if low >= -0.01 and high <= 1.01 else _whole_numbers(volume.data, step)
    if low >= -0.01 and high <= 1.01:
        inside = volume.data > 0.5
    elif numbers is not None and numbers.min() >= 0 and len(np.unique(numbers)) <= _MOST_MASK_LABELS + 1:
        inside = numbers > 0
    else:
        raise InputError(
            path,
            f"is not a mask (values from {low:g} to {high:g})",
            "give 0 and 1, or fractions between them",
            code="mask-scale",
        )
    if not inside.any():
        raise InputError(path, "is an empty mask", "give the mask, or leave it out", code="mask-empty")
    return Volume(inside, volume.grid)


def read_label_values(
    path: Path, grid: Grid | None, *, warnings: list[InputWarning], reference: str = "the T1 image"
) -> Volume:
    """Read an image of labels, without asking what they mean.

    Numbers may be stored in any type. They are rounded if they are whole up to 0.001, or, where the header has a scale,
    up to half a step of what the file can store.

    Parameters
    ----------
    path, grid, warnings, reference
        As for ``read_image``.

    Returns
    -------
    The labels, int64.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, or holds numbers that are not whole.
    """
    volume, step = _read(path, grid, warnings, reference)
    numbers = _whole_numbers(volume.data, step)
    if numbers is None:
        raise InputError(
            path,
            "holds values that are not whole numbers",
            "give labels, resampled with nearest neighbour",
            code="labels-not-whole",
        )
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
    """Read a tumour segmentation as ``TumourLabel`` values on the grid of the case.

    Parameters
    ----------
    path, grid, warnings, reference
        As for ``read_image``.
    scheme
        Label scheme of the file.
    brain
        Brain mask (bool) on ``grid``, to compare the tumour with.
    hint
        What to do about labels that the scheme does not have; by default, to name another scheme.

    Returns
    -------
    The segmentation, uint8.

    Raises
    ------
    InputError
        As ``read_label_values``, if the labels are not those of the scheme, or as ``check_segmentation``.
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
    """Read a segmentation after treatment, which may be without tumour; the rest is as for ``read_segmentation``.

    With ``brats2023`` too the value 4 is the resection cavity.
    """
    scheme = "brats2024" if scheme == "brats2023" else scheme
    values = read_label_values(path, grid, warnings=warnings, reference=reference)
    check_scheme(scheme, str(path))
    cavity = [value for value, label in LABEL_SCHEMES[scheme].items() if label == TumourLabel.CAVITY]
    if np.isin(values.data, [0, *cavity]).all():
        return Volume(np.where(values.data != 0, TumourLabel.CAVITY, 0).astype(np.uint8), values.grid)
    labels = _translate(values.data, scheme, path)
    check_labels(labels, values.grid, scheme, path, warnings, None if brain is None else brain.data)
    return Volume(labels, values.grid)


def _translate(values: NDArray[np.int64], scheme: str, path: Path, hint: str | None = None) -> NDArray[np.uint8]:
    """Translate a source's values; by default the hint names the schemes that fit its anatomy."""
    try:
        return translate_labels(values, scheme, str(path), hint)
    except InputError as error:
        if hint is None and error.code == "labels-of-another-scheme":
            raise InputError(path, error.problem, scheme_hint(values), error.code) from None
        raise


def read_concentration(
    path: Path, grid: Grid, *, warnings: list[InputWarning], reference: str = "the tissue"
) -> Volume:
    """Read a tumour-cell concentration; parameters are those of ``read_image``.

    Returns
    -------
    The concentration in [0, 1], float32.

    Raises
    ------
    InputError
        If the file cannot be read, lies on another grid, or holds values outside [0, 1].
    """
    volume, _ = _read(path, grid, warnings, reference)
    return Volume(concentration_values(volume.data, path), volume.grid)


def read_tissue_labels(path: Path, *, warnings: list[InputWarning], isotropic: bool = False) -> Tissue:
    """Read a tissue label map (0 background, 1 CSF, 2 grey matter, 3 white matter).

    Parameters
    ----------
    path, warnings, isotropic
        As for ``read_image``.

    Raises
    ------
    InputError
        If the file cannot be read, or holds other values.
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
    """Read tissue maps of fractions; CSF is empty where it is not given.

    Parameters
    ----------
    wm, gm, csf
        Files of the three maps, on one grid in any axis order; the tissue has that of ``wm``.
    warnings, isotropic
        As for ``read_image``.

    Raises
    ------
    InputError
        If a file cannot be read, lies on another grid than ``wm``, or holds values that are not fractions.
    """
    white, _ = _read(wm, None, warnings, "")
    if isotropic:
        _check_isotropic(white.grid, wm)
    maps = {"wm": Volume(tissue_fractions(white.data, wm), white.grid)}
    for name, path in (("gm", gm), ("csf", csf)):
        if path is not None:
            volume, _ = _read(path, white.grid, warnings, wm.name)
            maps[name] = Volume(tissue_fractions(volume.data, path), volume.grid)
    tissue = Tissue.from_maps(maps["wm"], maps["gm"], maps.get("csf"), wm)
    check_tissue(tissue, wm, warnings)
    return tissue


def _read(path: Path, grid: Grid | None, warnings: list[InputWarning], reference: str) -> tuple[Volume, float]:
    """Read an image as it is stored, turned onto ``grid`` if there is one, and the step of its file."""
    volume, step = read_stored(path)
    _note_orientation(volume.grid, path, warnings)
    return (volume if grid is None else volume.onto(grid, path, reference)), step


def _note_orientation(grid: Grid, path: Path, warnings: list[InputWarning]) -> None:
    """Warn of a header that does not say where the axes point."""
    if grid.orientation_known:
        return
    warning = InputWarning(
        str(path),
        f"its header holds no orientation; its axes are taken to point {grid.axis_codes}, so left and right, front and "
        "back or top and bottom may be exchanged",
        "write the affine of the image into the header, with a form code",
        code="orientation-unknown",
    )
    if warning not in warnings:
        warnings.append(warning)


def _check_isotropic(grid: Grid, path: Path) -> None:
    """Check that voxels are cubes, with the file in the error."""
    try:
        _ = grid.isotropic_spacing_mm
    except GridError as error:
        raise error.about(path) from error


def _whole_numbers(data: NDArray[Any], step: float) -> NDArray[np.int64] | None:
    """Labels as integers; None if they are not whole numbers.

    Parameters
    ----------
    data
        Values, any shape.
    step
        Step between values that the file can store; 0 where it has no scale.
    """
    if data.dtype.kind in "iu":
        return data.astype(np.int64)
    rounded = np.rint(data)
    tolerance = max(_ROUNDING, min(step / 2, _COARSEST_ROUNDING))
    if np.abs(data - rounded).max() > tolerance or np.abs(rounded).max() > _LARGEST_LABEL:
        return None
    return rounded.astype(np.int64)
