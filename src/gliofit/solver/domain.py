"""Computational domain of a tissue: bounding box, face coefficients and row spans."""

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
from gliofit.solver.faces import face_coefficients, face_means

# Voxels around the tissue's bounding box, as in the toolkit.
_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Domain:
    """Bounding box of a tissue, padded by one voxel of background on each side.

    Parameters
    ----------
    grid
        Grid of the tissue.
    start
        Voxel of ``grid`` at which the padded box begins, shape (3,), may be negative.
    inside
        Mask of tissue on the padded box, shape (nx, ny, nz).
    white, grey
        Fractions of white and grey matter on the padded box, in the floating type of the solver.
    faces
        Relative diffusivities of ``face_coefficients``, of the same type.
    row_low, row_high
        Span of tissue of each row along the last axis, shape (nx, ny), int32; 0, 0 in empty rows.
    spectral_bound
        Bound on the eigenvalues of the discrete -div(D grad) for D_WM = 1 mm^2 and voxels of 1 mm.
    """

    grid: Grid
    start: NDArray[np.int64]
    inside: NDArray[np.bool_]
    white: NDArray[Any]
    grey: NDArray[Any]
    faces: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    row_low: NDArray[np.int32]
    row_high: NDArray[np.int32]
    spectral_bound: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the padded box."""
        nx, ny, nz = self.inside.shape
        return nx, ny, nz

    @cached_property
    def grey_faces(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Derivative of ``faces`` by the ratio of grey to white matter diffusivity."""
        return face_means(self.grey, self.inside)

    def with_grey_share(self, share: float) -> Domain:
        """Return the domain for another ratio of grey to white matter diffusivity."""
        if share == 1 / DIFFUSIVITY_RATIO:
            return self
        faces = face_means(self.white + self.dtype.type(share) * self.grey, self.inside)
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


def row_spans(occupied: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the first and one-past-last occupied index of each row along the last axis; 0, 0 for empty rows."""
    filled = occupied.any(axis=2)
    low = np.where(filled, occupied.argmax(axis=2), 0)
    high = np.where(filled, occupied.shape[2] - occupied[:, :, ::-1].argmax(axis=2), 0)
    return low.astype(np.int32), high.astype(np.int32)


_CACHE: WeakKeyDictionary[Tissue, dict[str, Domain]] = WeakKeyDictionary()


def domain_of(tissue: Tissue, precision: str = "float32") -> Domain:
    """Return the domain of a tissue, cached for the lifetime of the tissue.

    Raises
    ------
    InputError
        If the tissue has values that are not finite or outside [0, 1], or no white and grey matter.
    """
    domains = _CACHE.setdefault(tissue, {})
    if precision in domains:
        return domains[precision]
    for name in ("wm", "gm"):
        data = getattr(tissue, name)
        if not np.isfinite(data).all():
            raise InputError("tissue", f"{name} has values that are not finite", "replace NaN and infinity")
        if data.size and (data.min() < 0 or data.max() > 1 + 1e-3):
            raise InputError(
                "tissue", f"{name} lies between {data.min():g} and {data.max():g}", "use fractions between 0 and 1"
            )
    mask = tissue.mask
    if not mask.any():
        raise InputError(
            "tissue",
            f"no voxel has at least {TISSUE_THRESHOLD:g} of white and grey matter",
            "check the tissue maps",
        )
    box = bounding_box(mask, (_MARGIN,) * 3)
    # One voxel of zeros on each side lets kernels read neighbours without bounds checks.
    wm, gm = (np.pad(m[box].astype(precision), 1) for m in (tissue.wm, tissue.gm))
    inside = np.pad(mask[box], 1)
    faces = face_coefficients(wm, gm)
    start = np.array([extent.start for extent in box]) - 1
    domain = Domain(tissue.grid, start, inside, wm, gm, faces, *row_spans(inside), _spectral_bound(faces))
    domains[precision] = domain
    return domain


def _spectral_bound(faces: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> float:
    """Bound the eigenvalues of -div(D grad) by Gershgorin's circles, for voxels of 1 mm."""
    outflow = np.zeros(faces[0].shape, np.float32)
    for axis, face in enumerate(faces):
        outflow += face + np.roll(face, 1, axis)
    return float(2 * max(outflow.max(), 1e-6))
