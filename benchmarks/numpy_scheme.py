"""The explicit scheme of the public toolkit written straight in numpy: the yardstick for the fast solver's speed.

Whole-array operations on the cropped brain in float64, nothing clever: what a careful scientist writes first.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.fisher_kolmogorov import diffusivity_mm2_per_day, proliferation_per_day
from gliofit.solver.faces import face_coefficients
from gliofit.solver.seed import voxel_seed
from gliofit.theta import Theta
from gliofit.tissue import Tissue


def _shifted(field: NDArray, axis: int, step: int) -> NDArray:
    return np.roll(field, step, axis)


def solve_numpy(
    tissue: Tissue, theta: Theta, duration_days: float = 100.0, steps_at_most: int | None = None
) -> tuple[NDArray[np.float64], int]:
    """Forward Euler on the bounding box of the tissue.

    Returns
    -------
    The concentration on the tissue's grid and the number of steps taken (fewer than the full run needs if
    ``steps_at_most`` says so, to time a share of a long run).
    """
    spacing = tissue.grid.isotropic_spacing_mm
    occupied = np.argwhere(tissue.wm + tissue.gm >= 0.5)
    low = np.maximum(occupied.min(axis=0) - 2, 0)
    high = np.minimum(occupied.max(axis=0) + 3, tissue.grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    faces = face_coefficients(tissue.wm[box].astype(float), tissue.gm[box].astype(float))
    diffusivity = diffusivity_mm2_per_day(theta, duration_days)
    proliferation = proliferation_per_day(theta, duration_days)
    count = max(8 * duration_days * diffusivity / spacing**2 + 100, 1.1 * proliferation * duration_days)
    dt = duration_days / count
    centre = np.floor(theta.origin_voxel(tissue.grid) + 1e-6) - low
    c = voxel_seed(faces[0].shape, centre, spacing)
    taken = math.ceil(count) if steps_at_most is None else min(steps_at_most, math.ceil(count))
    for _ in range(taken):
        change = np.zeros_like(c)
        for axis, face in enumerate(faces):
            flux = face * (_shifted(c, axis, -1) - c)
            change += flux - _shifted(flux, axis, 1)
        c = c + dt * (diffusivity / spacing**2 * change + proliferation * c * (1 - c))
    out = np.zeros(tissue.grid.shape)
    out[box] = c
    return out, taken
