"""The explicit scheme of the public toolkit in plain float64 numpy: an oracle for tests and a yardstick for speed.

It shares no code with the solvers, so that a mistake of theirs cannot hide in it. Whole-array operations on the cropped
brain, as a careful scientist writes first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta

#: Diffusivity of white over grey matter, and least white plus grey matter of a voxel that takes part.
_RATIO, _LEAST_TISSUE = 10.0, 0.1


@dataclass(frozen=True, eq=False)
class ToolkitRun:
    """A run of the toolkit's scheme.

    Parameters
    ----------
    concentration
        Shape of the grid, float64.
    steps
        Time steps taken.
    reported_days
        Final time as the toolkit reports it: one step less than simulated if it was stopped by volume.
    volume_mm3
        Integral of the concentration.
    """

    concentration: NDArray[np.float64]
    steps: int
    reported_days: float
    volume_mm3: float


def solve_numpy(
    tissue: Tissue,
    theta: Theta,
    duration_days: float = 100.0,
    steps_at_most: int | None = None,
    stopping_volume_mm3: float = math.inf,
) -> ToolkitRun:
    """Forward Euler on the bounding box of the tissue; ``steps_at_most`` ends the run early, to time a share of it."""
    h = tissue.grid.isotropic_spacing_mm
    wm, gm = tissue.wm.astype(np.float64), tissue.gm.astype(np.float64)
    occupied = np.argwhere(wm + gm >= 0.5)
    low = np.maximum(occupied.min(axis=0) - 2, 0)
    high = np.minimum(occupied.max(axis=0) + 3, tissue.grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    wm, gm = wm[box], gm[box]
    takes_part = wm + gm >= _LEAST_TISSUE
    faces = []
    for axis in range(3):
        after = np.roll(takes_part, -1, axis)
        white, grey = (wm + np.roll(wm, -1, axis)) / 2, (gm + np.roll(gm, -1, axis)) / 2
        faces.append(np.where(takes_part & after, white + grey / _RATIO, 0.0))
    diffusivity, proliferation = theta.mu_d_mm**2 / duration_days, theta.mu_rho**2 / duration_days
    count = max(8 * duration_days * diffusivity / h**2 + 100, 1.1 * proliferation * duration_days)
    dt = duration_days / count
    c = _seed(wm.shape, np.floor(theta.origin_voxel(tissue.grid) + 1e-6) - low, h)
    most = math.ceil(count) if steps_at_most is None else min(steps_at_most, math.ceil(count))
    taken, stopped = 0, False
    while taken < most and not stopped:
        change = np.zeros_like(c)
        for axis, face in enumerate(faces):
            flux = face * (np.roll(c, -1, axis) - c)
            change += flux - np.roll(flux, 1, axis)
        c = c + dt * (diffusivity / h**2 * change + proliferation * c * (1 - c))
        taken += 1
        stopped = bool(h**3 * c.sum() >= stopping_volume_mm3)
    out = np.zeros(tissue.grid.shape)
    out[box] = c
    return ToolkitRun(out, taken, (taken - 1) * dt if stopped else duration_days, float(h**3 * c.sum()))


def _seed(shape: tuple[int, ...], centre: NDArray[np.float64], h: float) -> NDArray[np.float64]:
    """Gaussian of 250 units of mass and variance 10 mm^2 at a voxel, cut below 0.1; not masked by tissue."""
    squared = sum(
        ((np.arange(n) - c) * h).reshape([-1 if other == axis else 1 for other in range(3)]) ** 2
        for axis, (n, c) in enumerate(zip(shape, centre, strict=True))
    )
    value = 250 / (4 * np.pi * 5) ** 1.5 * np.exp(-np.asarray(squared) / 20)
    return np.where(value > 0.1, np.minimum(value, 1.0), 0.0)
