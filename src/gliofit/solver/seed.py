"""Initial tumour: a truncated Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED_CUT = 0.1
_PEAK = 250.0 / (4.0 * np.pi * 5.0) ** 1.5
_WIDTH_MM2 = 20.0

#: Distance at which the Gaussian falls to the cut: 5.68 mm.
SEED_REACH_MM = float(np.sqrt(_WIDTH_MM2 * np.log(_PEAK / SEED_CUT)))

# Largest distance of the points in a voxel that are averaged.
_SAMPLE_SPACING_MM = 0.5

#: Half width of the ramp that replaces the cut of the sub-voxel seed.
SEED_RAMP_MM = 0.5


def seed_value(squared_distance_mm2: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the initial concentration at a squared distance r^2 from the centre.

    250 / (20 pi)^1.5 exp(-r^2 / 20 mm^2), zero below 0.1 (initial condition of TumorGrowthToolkit).
    """
    value = _PEAK * np.exp(-squared_distance_mm2 / _WIDTH_MM2)
    return np.where(value > SEED_CUT, np.minimum(value, 1.0), 0.0)


def _ramped_value(squared_distance_mm2: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the seed with a cubic ramp of +- ``SEED_RAMP_MM`` at the cut, and its derivative by r^2."""
    gaussian = _PEAK * np.exp(-squared_distance_mm2 / _WIDTH_MM2)
    distance = np.sqrt(squared_distance_mm2)
    x = np.clip((SEED_REACH_MM + SEED_RAMP_MM - distance) / (2 * SEED_RAMP_MM), 0, 1)
    ramp = x * x * (3 - 2 * x)
    # d ramp / d r^2 = ramp'(x) dx/dr / (2 r); zero near r = 0, where x is clipped.
    slope = -6 * x * (1 - x) / (2 * SEED_RAMP_MM) / (2 * np.maximum(distance, SEED_RAMP_MM))
    return gaussian * ramp, gaussian * (slope - ramp / _WIDTH_MM2)


def _box(shape: tuple[int, ...], centre: NDArray[np.floating], spacing_mm: float) -> tuple[slice, slice, slice]:
    reach = (SEED_REACH_MM + SEED_RAMP_MM) / spacing_mm + 1
    low = np.clip(np.floor(centre - reach).astype(int), 0, shape)
    high = np.clip(np.ceil(centre + reach).astype(int) + 1, low, shape)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def voxel_seed(shape: tuple[int, int, int], centre: NDArray[np.floating], spacing_mm: float) -> NDArray[np.float64]:
    """Sample the seed at voxel centres, as the public toolkit does; ``centre`` in voxel indices."""
    out = np.zeros(shape)
    box = _box(shape, centre, spacing_mm)
    x, y, z = (((np.arange(s.start, s.stop) - c) * spacing_mm) ** 2 for s, c in zip(box, centre, strict=True))
    out[box] = seed_value(x[:, None, None] + y[:, None] + z)
    return out


def sub_voxel_seed(
    shape: tuple[int, int, int], centre: NDArray[np.floating], spacing_mm: float, tangents: bool = False
) -> tuple[NDArray[np.float64], tuple[slice, slice, slice]]:
    """Average the seed over each voxel.

    The average makes mass and position nearly independent of the voxel size and of the position of the centre within a
    voxel. A cubic ramp of +- 0.5 mm replaces the cut, so that the field is continuously differentiable in the centre;
    it changes the mass by 0.1 %.

    Returns
    -------
    fields : ndarray
        Field, with its derivatives by ``centre`` (voxel indices) if requested, on the seed's box, shape (1 or 4, ...).
    box : tuple of slice
        Box in the grid, empty if the seed lies outside the grid.
    """
    box = _box(shape, centre, spacing_mm)
    nx, ny, nz = (extent.stop - extent.start for extent in box)
    out = np.zeros((4 if tangents else 1, nx, ny, nz))
    if out.size:
        n = max(1, round(spacing_mm / _SAMPLE_SPACING_MM))
        offsets = (np.arange(n) + 0.5) / n - 0.5
        points = ((np.arange(extent.start, extent.stop)[:, None] + offsets).ravel() for extent in box)
        distances = ((along - c) * spacing_mm for along, c in zip(points, centre, strict=True))
        axes = np.meshgrid(*distances, indexing="ij", sparse=True)
        value, slope = _ramped_value(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)
        fine = [value]
        if tangents:
            fine += [-2 * spacing_mm * offset * slope for offset in axes]
        for field, values in zip(out, fine, strict=True):
            field[...] = values.reshape(nx, n, ny, n, nz, n).mean(axis=(1, 3, 5))
    return out, box
