"""Computational domain of a tissue: bounding box, relative diffusivities on voxel faces, and row spans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, bounding_box
from gliofit.core.tissue import TISSUE_THRESHOLD, Tissue
from gliofit.growth.model import DIFFUSIVITY_RATIO

# Voxels around the tissue's bounding box, as in the toolkit.
_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Domain:
    """Bounding box of a tissue, padded by one voxel of background on each side."""

    #: Grid of the tissue.
    grid: Grid
    #: Voxel of ``grid`` at which the padded box begins, shape (3,), may be negative.
    start: NDArray[np.int64]
    #: Mask of tissue on the padded box, shape (nx, ny, nz).
    inside: NDArray[np.bool_]
    #: Fractions of white and grey matter on the padded box, in the floating type of the solver.
    white: NDArray[Any]
    grey: NDArray[Any]
    #: Relative diffusivities of ``face_coefficients``, of the same type.
    faces: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    #: Span of tissue of each row along the last axis, shape (nx, ny); 0, 0 in empty rows.
    row_low: NDArray[np.int32]
    row_high: NDArray[np.int32]
    #: Bound on the eigenvalues of the discrete -div(D grad) for D_WM = 1 mm^2 and voxels of 1 mm.
    spectral_bound: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the padded box."""
        nx, ny, nz = self.inside.shape
        return nx, ny, nz

    @cached_property
    def grey_faces(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Derivative of ``faces`` by the ratio of grey to white matter diffusivity."""
        return _face_means(self.grey, self.inside)

    def with_grey_share(self, share: float) -> Domain:
        """Return the domain for another ratio of grey to white matter diffusivity."""
        if share == 1 / DIFFUSIVITY_RATIO:
            return self
        faces = _face_means(self.white + self.dtype.type(share) * self.grey, self.inside)
        return replace(self, faces=faces, spectral_bound=_spectral_bound(faces))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Floating type of the solver."""
        return self.faces[0].dtype

    def to_grid(self, field: NDArray[Any], dtype: Any = np.float32) -> NDArray[Any]:
        """Copy a field (..., nx, ny, nz) from the padded box to the tissue's grid, zero elsewhere."""
        out = np.zeros((*field.shape[:-3], *self.grid.shape), dtype)
        target, source = self._overlap()
        out[target] = field[source]
        return out

    def from_grid(self, field: NDArray[Any]) -> NDArray[Any]:
        """Copy a field (..., *grid.shape) to the padded box, zero outside the grid."""
        out = np.zeros((*field.shape[:-3], *self.shape), field.dtype)
        target, source = self._overlap()
        out[source] = field[target]
        return out

    def _overlap(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return indices of the overlap of grid and padded box on the last three axes: for the grid, for the box."""
        target: list[Any] = [...]
        source: list[Any] = [...]
        for start, size, length in zip(self.start, self.shape, self.grid.shape, strict=True):
            target.append(slice(max(0, start), min(length, start + size)))
            source.append(slice(max(0, -start), max(0, -start) + target[-1].stop - target[-1].start))
        return tuple(target), tuple(source)


def face_coefficients(
    wm: NDArray[np.floating], gm: NDArray[np.floating], ratio: float = DIFFUSIVITY_RATIO
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Compute D / D_WM on the faces between each voxel and its successor along the three axes.

    The coefficient is the mean of ``wm + gm / ratio`` (D_WM / D_GM) of the two voxels if both are tissue, and zero
    elsewhere. Shape and floating type are those of the fractions.
    """
    return _face_means(wm + gm / wm.dtype.type(ratio), (wm + gm) >= TISSUE_THRESHOLD)


def _face_means(
    values: NDArray[np.floating], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Average the two voxels at each face inside tissue; zero at all other faces."""
    faces = []
    for axis in range(3):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        face = np.zeros_like(values)
        face[before] = np.where(inside[before] & inside[after], (values[before] + values[after]) / 2, 0)
        faces.append(face)
    return faces[0], faces[1], faces[2]


def row_spans(occupied: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the first and one-past-last occupied index of each row along the last axis; 0, 0 for empty rows."""
    filled = occupied.any(axis=2)
    low = np.where(filled, occupied.argmax(axis=2), 0)
    high = np.where(filled, occupied.shape[2] - occupied[:, :, ::-1].argmax(axis=2), 0)
    return low.astype(np.int32), high.astype(np.int32)


_CACHE: WeakKeyDictionary[Tissue, dict[str, Domain]] = WeakKeyDictionary()


def domain_of(tissue: Tissue, precision: str = "float32") -> Domain:
    """Return the domain of a tissue, cached for the lifetime of the tissue.

    InputError if the tissue has values that are not finite or outside [0, 1], or no white and grey matter.
    """
    domains = _CACHE.setdefault(tissue, {})
    if precision in domains:
        return domains[precision]
    for name, data in (("wm", tissue.wm), ("gm", tissue.gm)):
        low, high = data.min(), data.max()
        if not np.isfinite([low, high]).all():
            raise InputError("tissue", f"{name} has values that are not finite", "replace NaN and infinity")
        if low < 0 or high > 1 + 1e-3:
            raise InputError("tissue", f"{name} lies between {low:g} and {high:g}", "use fractions between 0 and 1")
    mask = tissue.mask
    if not mask.any():
        problem = f"no voxel has at least {TISSUE_THRESHOLD:g} of white and grey matter"
        raise InputError("tissue", problem, "check the tissue maps")
    box = bounding_box(mask, (_MARGIN,) * 3)
    # One voxel of zeros on each side lets kernels read neighbours without bounds checks.
    wm, gm = (np.pad(m[box].astype(precision), 1) for m in (tissue.wm, tissue.gm))
    inside = np.pad(mask[box], 1)
    faces = face_coefficients(wm, gm)
    start = np.array([extent.start for extent in box]) - 1
    bound = _spectral_bound(faces)
    return domains.setdefault(precision, Domain(tissue.grid, start, inside, wm, gm, faces, *row_spans(inside), bound))


def _spectral_bound(faces: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> float:
    """Bound the eigenvalues of -div(D grad) by Gershgorin's circles, for voxels of 1 mm."""
    outflow = np.zeros(faces[0].shape, np.float32)
    for axis, face in enumerate(faces):
        outflow += face + np.roll(face, 1, axis)
    return float(2 * max(outflow.max(), 1e-6))
