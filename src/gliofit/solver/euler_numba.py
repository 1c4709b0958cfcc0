"""Numba kernel of the explicit Euler scheme, restricted to the growing box that the tumour occupies."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from gliofit.core.compiled import cached_njit

Array = NDArray[Any]


# Rows are taken as slices because only then do LLVM's inner loops vectorise; index arithmetic is 4 to 7 times slower.
@cached_njit(parallel=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract"}, error_model="numpy")
def euler_steps(
    state: Array, other: Array, face_x: Array, face_y: Array, face_z: Array, row_low: Array, row_high: Array,
    box: Array, diffusion: np.floating, reaction: np.floating, tiny: np.floating, steps: int, stopping_sum: float,
) -> tuple[int, float, bool]:  # fmt: skip
    """Take up to ``steps`` forward Euler steps, swapping ``state`` and ``other``.

    All arrays have shape (nx, ny, nz) with one voxel of padding on each side. ``box`` holds x0, x1, y0, y1, z0, z1 of
    the region outside which both buffers are exactly zero; it is widened in place as the tumour reaches its border.
    Row (i, j) is worked on between ``row_low`` and ``row_high`` only. Values below ``tiny`` are set to zero: denormal
    numbers ahead of the front would otherwise slow the loop by an order of magnitude.

    Returns
    -------
    Steps taken, the sum of the field after the last one, and whether that sum reached ``stopping_sum``. The result
    lies in ``state`` if the number of steps is even, else in ``other``.
    """
    sums = np.zeros(state.shape[0], np.float64)
    reached = np.zeros((state.shape[0], 6), np.bool_)
    total = 0.0
    current, following = state, other
    for step in range(steps):
        before = box.copy()
        x0, x1, y0, y1, z0, z1 = before[0], before[1], before[2], before[3], before[4], before[5]
        for i in nb.prange(x0, x1):
            slab_sum = 0.0
            for q in range(6):
                reached[i, q] = False
            for j in range(y0, y1):
                a = max(z0, row_low[i, j])
                b = min(z1, row_high[i, j])
                if b <= a:
                    continue
                c = current[i, j, a:b]
                x_after, x_before = current[i + 1, j, a:b], current[i - 1, j, a:b]
                y_after, y_before = current[i, j + 1, a:b], current[i, j - 1, a:b]
                z_after, z_before = current[i, j, a + 1 : b + 1], current[i, j, a - 1 : b - 1]
                fx, fx_before = face_x[i, j, a:b], face_x[i - 1, j, a:b]
                fy, fy_before = face_y[i, j, a:b], face_y[i, j - 1, a:b]
                fz, fz_before = face_z[i, j, a:b], face_z[i, j, a - 1 : b - 1]
                out = following[i, j, a:b]
                row_sum = tiny - tiny
                for k in range(out.shape[0]):
                    v = c[k]
                    flux = (
                        fx[k] * (x_after[k] - v)
                        - fx_before[k] * (v - x_before[k])
                        + fy[k] * (y_after[k] - v)
                        - fy_before[k] * (v - y_before[k])
                        + fz[k] * (z_after[k] - v)
                        - fz_before[k] * (v - z_before[k])
                    )
                    new = v + diffusion * flux + reaction * (v - v * v)
                    new = new if new > tiny else tiny - tiny
                    out[k] = new
                    row_sum += new
                slab_sum += row_sum  # type: ignore[assignment]
                if row_sum > 0:
                    reached[i, 0] |= i == x0
                    reached[i, 1] |= i == x1 - 1
                    reached[i, 2] |= j == y0
                    reached[i, 3] |= j == y1 - 1
                    reached[i, 4] |= a == z0 and out[0] > 0
                    reached[i, 5] |= b == z1 and out[out.shape[0] - 1] > 0
            sums[i] = slab_sum
        total = 0.0
        for i in range(x0, x1):
            total += sums[i]
            for q in range(6):
                if reached[i, q]:
                    box[q] = min(state.shape[q // 2] - 1, before[q] + 1) if q % 2 else max(1, before[q] - 1)
        current, following = following, current
        if total >= stopping_sum:
            return step + 1, total, True
    return steps, total, False
