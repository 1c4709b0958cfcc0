"""Grids, and volumes: arrays on their grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import GridError, InputError


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular, axis-aligned voxel grid.

    Parameters
    ----------
    shape
        Number of voxels along the three array axes.
    affine
        4 x 4 matrix from voxel indices (voxel centres at integers) to world coordinates in mm, RAS.
    orientation_known
        Whether the file states the orientation of its axes. If not, ``affine`` is nibabel's default.

    Raises
    ------
    GridError
        If the affine is oblique or singular.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    orientation_known: bool = True

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1 or affine.shape != (4, 4):
            problem = f"shape {shape} with affine of shape {affine.shape}"
            raise GridError("grid", problem, "give a 3-D grid and a 4 x 4 affine")
        rotation = affine[:3, :3]
        spacing = np.sqrt((rotation**2).sum(axis=0))
        largest = np.abs(rotation).max(axis=0)
        if not np.isfinite(affine).all() or (spacing <= 0).any() or (largest < 0.999 * spacing).any():
            problem = "the affine is oblique or singular"
            raise GridError("grid", problem, "resample the image onto axis-aligned voxels first", "oblique-affine")
        if sorted(np.abs(rotation).argmax(axis=0)) != [0, 1, 2]:
            raise GridError("grid", "the affine maps two array axes to one direction", "correct the header")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along the three array axes, in mm."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(x), float(y), float(z)

    @property
    def isotropic_spacing_mm(self) -> float:
        """Voxel size of an isotropic grid, in mm; raises GridError for any other grid."""
        spacing = self.spacing_mm
        if max(spacing) - min(spacing) > 1e-3 * max(spacing):
            shown = " x ".join(f"{value:g}" for value in spacing)
            problem = f"voxels are not cubes (spacing {shown} mm)"
            hint = "resample the case to isotropic voxels (BraTS uses 1 mm)"
            raise GridError("grid", problem, hint, "anisotropic-voxels")
        return float(round(spacing[0], 6))

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, in mm^3."""
        return float(np.prod(self.spacing_mm))

    @property
    def axis_codes(self) -> str:
        """Direction of the array axes, for example ``RAS`` or ``LPS``."""
        return "".join(nib.orientations.aff2axcodes(self.affine))

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """World coordinates of the grid's centre in mm, shape (3,)."""
        return self.voxel_to_world((np.array(self.shape) - 1) / 2)

    def voxel_to_world(self, voxel: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 3) fractional voxel indices to world coordinates in mm."""
        return np.asarray(voxel, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def world_to_voxel(self, world: Sequence[float] | NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 3) world coordinates in mm to fractional voxel indices."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        return (np.asarray(world, dtype=np.float64) - self.affine[:3, 3]) @ inverse.T

    def matches(self, other: Grid, tolerance_mm: float = 1e-2) -> bool:
        """Return whether both grids have the same shape and the same voxel positions."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(self.shape) - 1)
        gap = np.abs(self.voxel_to_world(corners) - other.voxel_to_world(corners)).max()
        return bool(gap <= tolerance_mm)

    def crop(self, start: Sequence[int], shape: Sequence[int]) -> Grid:
        """Return the grid of a box of the given shape that begins at voxel ``start`` (may be negative)."""
        affine = self.affine.copy()
        affine[:3, 3] = self.voxel_to_world(np.asarray(start, dtype=np.float64))
        return replace(self, shape=(int(shape[0]), int(shape[1]), int(shape[2])), affine=affine)

    def coarsen(self, factor: int) -> Grid:
        """Return the grid of blocks of ``factor``^3 voxels; the last block of an axis may extend past the end."""
        if factor < 1:
            raise ValueError(f"factor must be 1 or more, not {factor}")
        affine = self.affine.copy()
        affine[:3, 3] = self.voxel_to_world(np.full(3, (factor - 1) / 2))
        affine[:3, :3] *= factor
        x, y, z = (-(-n // factor) for n in self.shape)
        return replace(self, shape=(x, y, z), affine=affine)

    def coarsening_to(self, spacing_mm: float) -> int:
        """Return the number of voxels per coarse voxel of ``spacing_mm``; GridError if it is not an integer."""
        ratio = spacing_mm / self.isotropic_spacing_mm
        factor = round(ratio)
        if factor < 1 or abs(ratio - factor) > 1e-3 * ratio:
            problem = f"a spacing of {spacing_mm:g} mm is not a whole multiple of its {self.isotropic_spacing_mm:g} mm"
            hint = "resample the input, or choose another spacing or method"
            raise GridError("grid", problem, hint, "spacing-not-multiple")
        return factor

    def turned(self, orientation: NDArray[Any]) -> Grid:
        """Return the grid of an array whose axes a nibabel orientation, shape (3, 2), permutes and flips."""
        x, y, z = np.array(self.shape)[np.argsort(orientation[:, 0])].tolist()
        affine = self.affine @ nib.orientations.inv_ornt_aff(orientation, self.shape)
        return replace(self, shape=(x, y, z), affine=affine)

    def orientation_to(self, other: Grid) -> NDArray[Any]:
        """Return the permutation and flips, shape (3, 2), that turn the axes of this grid to those of another."""
        own, target = nib.io_orientation(self.affine), nib.io_orientation(other.affine)
        return np.asarray(nib.orientations.ornt_transform(own, target))

    def check_same(self, other: Grid, subject: str | Path, reference: str) -> None:
        """Check that both grids hold the same voxels; their order may differ if both orientations are known.

        ``subject`` is the file of this grid, ``reference`` the name of the other grid's image in messages.

        Raises
        ------
        InputError
            If the voxels differ (``grid-mismatch``), or an unknown orientation decides (``orientation-unknown``).
        """
        if self.matches(other):
            return
        turned, known = self.turned(self.orientation_to(other)), self.orientation_known and other.orientation_known
        if turned.matches(other):
            if known:
                return
            axes = f"has axes {self.axis_codes} and {reference} {other.axis_codes}"
            problem = f"{axes}, but one of the two headers states no orientation"
            hint = "write the correct affine into the headers of all images of the case"
            raise InputError(subject, problem, hint, "orientation-unknown")
        if turned.shape != other.shape:
            own, wanted = (" x ".join(map(str, shape)) for shape in (self.shape, other.shape))
            difference = f"{own} voxels, {reference} {wanted}"
        else:
            gap = np.abs(turned.affine - other.affine)[:3].max()
            difference = f"same number of voxels, affine apart by up to {gap:.3g}"
        if not known:
            difference += "; one of the two headers states no orientation"
        problem = f"lies on another grid than {reference} ({difference})"
        raise InputError(subject, problem, "resample all images of a case onto one grid", "grid-mismatch")


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D array on its grid."""

    data: NDArray[Any]
    grid: Grid

    def __post_init__(self) -> None:
        if tuple(self.data.shape) != self.grid.shape:
            raise ValueError(f"array of shape {self.data.shape} on a grid of shape {self.grid.shape}")

    def canonical(self) -> Volume:
        """Return the volume with array axes towards right, anterior, superior (a view where possible)."""
        return self._turned(nib.io_orientation(self.grid.affine))

    def oriented_like(self, grid: Grid) -> Volume:
        """Return the volume with its array axes permuted and flipped to agree with those of ``grid``."""
        return self._turned(self.grid.orientation_to(grid))

    def _turned(self, orientation: NDArray[Any]) -> Volume:
        return Volume(nib.apply_orientation(self.data, orientation), self.grid.turned(orientation))

    def onto(self, grid: Grid, subject: str | Path, reference: str) -> Volume:
        """Return the volume on ``grid``, its axes permuted and flipped; arguments and errors of ``check_same``."""
        self.grid.check_same(grid, subject, reference)
        return Volume(np.ascontiguousarray(self.oriented_like(grid).data), grid)

    def coarsen(self, factor: int) -> Volume:
        """Return means over blocks of ``factor``^3 voxels, with zeros past the end (shape of ``Grid.coarsen``)."""
        if factor == 1:
            return self
        pad = [(0, -n % factor) for n in self.grid.shape]
        return Volume(block_mean(np.pad(self.data, pad), factor), self.grid.coarsen(factor))

    def extract(self, start: Sequence[int], shape: Sequence[int]) -> Volume:
        """Return the box that begins at voxel ``start``, with zeros outside the grid."""
        out = np.zeros(tuple(int(n) for n in shape), self.data.dtype)
        first = np.asarray(start, int)
        low, high = np.maximum(first, 0), np.minimum(first + out.shape, self.grid.shape)
        if (low < high).all():
            source, target = (tuple(map(slice, low - shift, high - shift)) for shift in (0, first))
            out[target] = self.data[source]
        return Volume(out, self.grid.crop(start, out.shape))

    def sample(self, grid: Grid, order: int = 1) -> Volume:
        """Resample onto ``grid`` by the affines (spline order 0 or 1), with zeros outside this grid."""
        from scipy.ndimage import affine_transform

        matrix = np.linalg.inv(self.grid.affine) @ grid.affine
        data = self.data if order == 0 else self.data.astype(np.float32)
        return Volume(affine_transform(data, matrix[:3, :3], matrix[:3, 3], grid.shape, order=order), grid)


def block_mean(data: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Return the mean over blocks of ``factor``^3 entries of the last three axes, shape (..., x, y, z).

    Their lengths are multiples of ``factor``; those of the result are ``factor`` times smaller.
    """
    total = data.astype(np.float32)
    # Strided sums along one axis at a time are several times faster than one reduction over six axes.
    for axis in (-1, -2, -3):
        after: list[Any] = [slice(None)] * (-1 - axis)
        parts = [total[..., slice(offset, None, factor), *after] for offset in range(factor)]
        total = parts[0].copy()
        for part in parts[1:]:
            total += part
    total /= np.float32(factor**3)
    return total


def bounding_box(mask: NDArray[np.bool_], margin: Sequence[int] = (0, 0, 0)) -> tuple[slice, slice, slice]:
    """Return the smallest box with all true voxels of a 3-D mask; empty slices for an empty mask.

    ``margin`` is the number of voxels per axis by which the box is extended on both sides, within the mask's grid.
    """
    box = []
    for axis, (size, extra) in enumerate(zip(mask.shape, margin, strict=True)):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (max(0, int(hit[0]) - extra), min(size, int(hit[-1]) + 1 + extra)) if hit.size else (0, 0)
        box.append(slice(low, high))
    return box[0], box[1], box[2]
