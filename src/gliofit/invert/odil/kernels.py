"""Numba kernels of the discrete loss on a CPU: terms of all cells with their derivatives, and refinement of levels.

A sweep over time slices needs one pass over the field and one over its gradient, since the terms of a slice depend on
three successive slices, which fit into the cache. Sums are in float64 and, like all results, independent of the number
of threads.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from gliofit.core.compiled import cached_njit

Array = NDArray[Any]

# As in the kernels of the solver, without `reassoc`.
_FAST = {"nnan", "ninf", "nsz", "arcp", "contract"}
# Partial sums, so that sums use vector instructions.
_LANES = 16


@nb.njit(fastmath=_FAST, error_model="numpy")
def _stencil(u: Array, coefficients: Array, pad: int, row: int, out: Array) -> None:
    """Apply a seven-point stencil to a slice with ``pad`` zeros at both ends.

    ``coefficients``, shape (7, n): centre, next and previous cell along the first, second and third axis.
    """
    centre, a0, b0, a1, b1, a2, b2 = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4], coefficients[5],
        coefficients[6],
    )  # fmt: skip
    n = len(out)
    here, up, down = u[pad : pad + n], u[2 * pad : 2 * pad + n], u[:n]
    right, left = u[pad + row : pad + row + n], u[pad - row : pad - row + n]
    after, before = u[pad + 1 : pad + 1 + n], u[pad - 1 : pad - 1 + n]
    for k in range(n):
        out[k] = (
            here[k] * centre[k] + up[k] * a0[k] + down[k] * b0[k] + right[k] * a1[k] + left[k] * b1[k]
            + after[k] * a2[k] + before[k] * b2[k]
        )  # fmt: skip


@nb.njit(fastmath=_FAST, error_model="numpy")
def _couple(u: Array, pad: int, ends: Array, factors: Array, transposed: bool, out: Array) -> None:
    """Add the coupling of opposite ends of a periodic box, see ``Diffusion.wraps``."""
    to_first, to_last = (factors[1], factors[0]) if transposed else (factors[0], factors[1])
    for k in range(ends.shape[1]):
        last, first = ends[0, k], ends[1, k]
        out[last] += u[pad + first] * to_first[k]
        out[first] += u[pad + last] * to_last[k]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _dot(a: Array, b: Array) -> Any:
    """Sum products in float64."""
    lanes = np.zeros(_LANES)
    whole = len(a) - len(a) % _LANES
    for k in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] += np.float64(a[k + lane]) * np.float64(b[k + lane])
    total = lanes.sum()
    for k in range(whole, len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@nb.njit(fastmath=_FAST, error_model="numpy")
def _rate(u: Array, spread: Array, diffusivity: float, proliferation: float, growth: Array, out: Array) -> None:
    """Growth |u| (1 - u) and rate D spread + rho growth of a slice."""
    for k in range(len(out)):
        growth[k] = abs(u[k]) * (1 - u[k])
        out[k] = diffusivity * spread[k] + proliferation * growth[k]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _residual(
    u: Array, before: Array, rate: Array, rate_before: Array, per_day: float, half: float, out: Array
) -> None:
    for k in range(len(out)):
        out[k] = (u[k] - before[k]) * per_day - half * (rate[k] + rate_before[k])


@nb.njit(fastmath=_FAST, error_model="numpy")
def _by_rate(now: Array, following: Array, factor: float, out: Array) -> None:
    for k in range(len(out)):
        out[k] = factor * (now[k] + following[k])


@nb.njit(fastmath=_FAST, error_model="numpy")
def _gradient(
    u: Array, by_rate: Array, through: Array, now: Array, following: Array, outside: Array, numbers: Array,
    beyond: Array, free: Array, out: Array,
) -> None:  # fmt: skip
    """Derivative by a slice; ``numbers``: D, rho, factor of residuals, twice the weights of two terms."""
    diffusivity, proliferation, factor, twice_range, twice_outside = numbers
    one = numbers.dtype.type(1)
    for k in range(len(out)):
        sign = one if u[k] > 0 else (-one if u[k] < 0 else 0 * one)
        beyond[k] = u[k] - min(max(u[k], 0 * one), one)
        free[k] = u[k] * outside[k]
        out[k] = (
            diffusivity * through[k]
            + proliferation * by_rate[k] * (sign - (one + one) * abs(u[k]))
            + factor * (now[k] - following[k])
            + twice_range * beyond[k]
            + twice_outside * free[k] * outside[k]
        )


@cached_njit(parallel=True, fastmath=_FAST, error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]
def cell_terms(
    field: Array, stencil: Array, transposed: Array, grey_stencil: Array, ends: Array, factors: Array,
    grey_factors: Array, outside: Array, pad: int, row: int, numbers: Array, chunks: int, gradient: Array, sums: Array,
) -> None:  # fmt: skip
    """Compute the terms of all cells and their derivatives.

    Parameters
    ----------
    field
        u, shape (time, n).
    stencil, transposed, grey_stencil
        Coefficients of div(D grad u) / D_WM, of its transpose, and of its part in grey matter, shapes (7, n), the last
        possibly (7, 0).
    ends, factors, grey_factors
        Coupled pairs of cells of a periodic box and their coefficients, of all tissue and of grey matter, shapes
        (2, pairs); ``ends`` is int64.
    outside
        1 outside tissue, else 0, shape (n,).
    pad, row
        Cells per step of the first and of the second axis.
    numbers
        D, rho, 1 / dt, 1 / 2, and weights of equation, range and outside, type of the field.
    chunks
        Parts of the time axis that threads share.
    gradient
        Derivative by the field, shape (time, n); written.
    sums
        For each slice the sums of w r^2, of the other two terms, and the derivatives by D, rho and D_GM / D_WM, shape
        (time, 5), float64; written.
    """
    times, n = field.shape
    diffusivity, proliferation, per_day, half = numbers[0], numbers[1], numbers[2], numbers[3]
    weight, range_weight, outside_weight = numbers[4], numbers[5], numbers[6]
    local = np.empty(5, field.dtype)
    local[0], local[1] = diffusivity, proliferation
    # g = 2 w r, so that residuals are multiplied by 2 w / dt and by -w.
    local[2], local[3], local[4] = 2 * weight * per_day, 2 * range_weight, 2 * outside_weight
    for chunk in nb.prange(chunks):
        first, last = chunk * times // chunks, (chunk + 1) * times // chunks
        padded = np.zeros((2, n + 2 * pad), field.dtype)
        by_rate = np.zeros(n + 2 * pad, field.dtype)
        spread, growth, rate, residual = (
            np.zeros((2, n), field.dtype), np.zeros((2, n), field.dtype), np.zeros((2, n), field.dtype),
            np.zeros((2, n), field.dtype),
        )  # fmt: skip
        grey = np.zeros((2, n if grey_stencil.shape[1] else 0), field.dtype)
        through, beyond, free = np.empty(n, field.dtype), np.empty(n, field.dtype), np.empty(n, field.dtype)
        for time in range(max(first - 1, 0), min(last, times - 1) + 1):
            now, old = time % 2, (time + 1) % 2
            padded[now, pad : pad + n] = field[time]
            u = padded[now, pad : pad + n]
            _stencil(padded[now], stencil, pad, row, spread[now])
            _couple(padded[now], pad, ends, factors, False, spread[now])
            if grey_stencil.shape[1]:
                _stencil(padded[now], grey_stencil, pad, row, grey[now])
                _couple(padded[now], pad, ends, grey_factors, False, grey[now])
            _rate(u, spread[now], diffusivity, proliferation, growth[now], rate[now])
            if time > 0 and time > first - 1:
                _residual(u, field[time - 1], rate[now], rate[old], per_day, half, residual[now])
            else:
                residual[now, :] = 0
            if first <= time < last:
                sums[time, 0] = weight * _dot(residual[now], residual[now])
            # The derivative by a slice needs the next residual, which is zero after the last slice.
            for ended in (time - 1, time):
                if ended < first or ended >= last or (ended == time and time < times - 1):
                    continue
                here = ended % 2
                other = (ended + 1) % 2
                if ended == time:
                    residual[other, :] = 0
                q = by_rate[pad : pad + n]
                _by_rate(residual[here], residual[other], -weight, q)
                _stencil(by_rate, transposed, pad, row, through)
                _couple(by_rate, pad, ends, factors, True, through)
                _gradient(
                    padded[here, pad : pad + n], q, through, residual[here], residual[other], outside, local, beyond,
                    free, gradient[ended],
                )  # fmt: skip
                sums[ended, 1] = range_weight * _dot(beyond, beyond) + outside_weight * _dot(free, free)
                sums[ended, 2] = _dot(q, spread[here])
                sums[ended, 3] = _dot(q, growth[here])
                sums[ended, 4] = diffusivity * _dot(q, grey[here]) if grey_stencil.shape[1] else 0.0


@nb.njit(fastmath=_FAST, error_model="numpy")
def _combine(source: Array, starts: Array, taps: Array, weights: Array, out: Array) -> None:
    """Weighted sums along the second of three axes: row i from the rows ``taps[starts[i]:starts[i + 1]]``."""
    for outer in range(out.shape[0]):
        for i in range(out.shape[1]):
            target = out[outer, i]
            target[:] = 0
            for k in range(starts[i], starts[i + 1]):
                line, weight = source[outer, taps[k]], weights[k]
                for j in range(len(target)):
                    target[j] += weight * line[j]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _combine_last(source: Array, starts: Array, taps: Array, weights: Array, out: Array) -> None:
    """``_combine`` along the last of two axes."""
    for outer in range(out.shape[0]):
        for i in range(out.shape[1]):
            total = 0 * weights[0]
            for k in range(starts[i], starts[i + 1]):
                total += weights[k] * source[outer, taps[k]]
            out[outer, i] = total


@cached_njit(parallel=True, fastmath=_FAST, error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]
def combine_space(source: Array, x: tuple[Array, ...], y: tuple[Array, ...], z: tuple[Array, ...], out: Array) -> None:
    """Apply weighted sums along the three axes of space, shape (time, x, y, z), to every slice.

    ``x``, ``y``, ``z`` are sparse matrices: starts, taps and weights.
    """
    a, b, c = source.shape[1:]
    d, e, f = out.shape[1:]
    for time in nb.prange(source.shape[0]):
        first, second = np.empty((a * b, f), out.dtype), np.empty((a, e, f), out.dtype)
        _combine_last(source[time].reshape(a * b, c), z[0], z[1], z[2], first)
        _combine(first.reshape(a, b, f), y[0], y[1], y[2], second)
        _combine(second.reshape(1, a, e * f), x[0], x[1], x[2], out[time].reshape(1, d, e * f))


@cached_njit(parallel=True, fastmath=_FAST, error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]
def combine_time(source: Array, starts: Array, taps: Array, weights: Array, added: Array, out: Array) -> None:
    """Apply weighted sums along time, shapes (time, n), and add ``added``, possibly of shape (0, n)."""
    for time in nb.prange(out.shape[0]):
        target = out[time]
        if added.shape[0]:
            target[:] = added[time]
        else:
            target[:] = 0
        for k in range(starts[time], starts[time + 1]):
            line, weight = source[taps[k]], weights[k]
            for j in range(len(target)):
                target[j] += weight * line[j]
