"""Numba kernels of the accurate integrator: logistic steps, RKL2 diffusion and step doubling on lists of rows.

Fields have shape (F, N): F fields (c, or c and its five tangents) on the flattened padded box, strides ``sx`` and
``sy`` along its first two axes. Work is done on rows: row r covers ``length[r]`` voxels from flat index ``base[r]``, and
chunk k, one task for a thread, the rows ``chunks[k]`` to ``chunks[k + 1]``. Fields are zero outside the rows.

Rows are taken as slices because only then do LLVM's inner loops vectorise, and no loop reads and writes two names of
one array, because then they would not either.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["combine", "diffuse", "react"]

#: Places of the tangents that have sources of their own: c, three of the origin, mu_D, mu_rho.
_MU_D = 4
_MU_RHO = 5


@nb.njit(fastmath=True, error_model="numpy", inline="always")
def _react_row(fields: NDArray, start: int, stop: int, growth: np.floating, growth_slope: np.floating) -> None:
    """Logistic growth of one row in place: c e / (1 + c (e - 1)) with e = ``growth``, tangents with it."""
    c = fields[0, start:stop]
    one = growth / growth
    for f in range(1, fields.shape[0]):
        tangent = fields[f, start:stop]
        slope = growth_slope if f == _MU_RHO else growth - growth
        for k in range(tangent.shape[0]):
            v = c[k]
            d = one / (one + v * (growth - one))
            tangent[k] = (tangent[k] * growth + slope * v * (one - v)) * d * d
    for k in range(c.shape[0]):
        v = c[k]
        c[k] = v * growth / (one + v * (growth - one))


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True, nogil=True)
def react(
    state: NDArray,
    out: NDArray,
    base: NDArray,
    length: NDArray,
    chunks: NDArray,
    growth: np.floating,
    growth_slope: np.floating,
) -> None:
    """Copy ``state`` to ``out`` and let it grow logistically by the factor ``growth`` (and d growth / d mu_rho)."""
    for chunk in nb.prange(chunks.shape[0] - 1):
        for r in range(chunks[chunk], chunks[chunk + 1]):
            a, b = base[r], base[r] + length[r]
            for f in range(state.shape[0]):
                source, target = state[f, a:b], out[f, a:b]
                for k in range(target.shape[0]):
                    target[k] = source[k]
            _react_row(out, a, b, growth, growth_slope)


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True, nogil=True)
def diffuse(
    start: NDArray,
    first_flux: NDArray,
    one: NDArray,
    two: NDArray,
    face_x: NDArray,
    face_y: NDArray,
    face_z: NDArray,
    base: NDArray,
    length: NDArray,
    chunks: NDArray,
    sx: int,
    sy: int,
    first: np.floating,
    coefficients: NDArray,
    mu_d_source: np.floating,
    growth: np.floating,
    growth_slope: np.floating,
) -> bool:
    """One RKL2 step from ``start`` with a logistic step at its end, in the buffers ``one`` and ``two``.

    ``coefficients`` holds mu, nu, 1 - mu - nu, mu_l and gamma of each stage, shape (5, stages + 1). ``first``, mu_l and
    gamma are already multiplied by D tau / h^2; their derivative with respect to mu_D is ``mu_d_source`` times
    themselves. ``first_flux`` receives L of ``start``.

    Returns
    -------
    Whether the result lies in ``two`` (else in ``one``).
    """
    fields = start.shape[0]
    longest = 0
    for r in range(length.shape[0]):
        longest = max(longest, length[r])
    for chunk in nb.prange(chunks.shape[0] - 1):
        for r in range(chunks[chunk], chunks[chunk + 1]):
            a, b = base[r], base[r] + length[r]
            fx, fx_before = face_x[a:b], face_x[a - sx : b - sx]
            fy, fy_before = face_y[a:b], face_y[a - sy : b - sy]
            fz, fz_before = face_z[a:b], face_z[a - 1 : b - 1]
            for f in range(fields):
                c = start[f, a:b]
                x_after, x_before = start[f, a + sx : b + sx], start[f, a - sx : b - sx]
                y_after, y_before = start[f, a + sy : b + sy], start[f, a - sy : b - sy]
                z_after, z_before = start[f, a + 1 : b + 1], start[f, a - 1 : b - 1]
                flux, out, copy = first_flux[f, a:b], one[f, a:b], two[f, a:b]
                for k in range(flux.shape[0]):
                    v = c[k]
                    div = (
                        fx[k] * (x_after[k] - v)
                        - fx_before[k] * (v - x_before[k])
                        + fy[k] * (y_after[k] - v)
                        - fy_before[k] * (v - y_before[k])
                        + fz[k] * (z_after[k] - v)
                        - fz_before[k] * (v - z_before[k])
                    )
                    flux[k] = div
                    out[k] = v + first * div
                    copy[k] = v
                if f == _MU_D:
                    flux_c = first_flux[0, a:b]
                    for k in range(flux.shape[0]):
                        # Kept as L y_0 of the tangent plus its source, which the later stages need together.
                        flux[k] += mu_d_source * flux_c[k]
                        out[k] += first * mu_d_source * flux_c[k]
    last = coefficients.shape[1] - 1
    for j in range(2, last + 1):
        if j % 2 == 0:
            known, result = one, two
        else:
            known, result = two, one
        m, n, rest = coefficients[0, j], coefficients[1, j], coefficients[2, j]
        ml, g = coefficients[3, j], coefficients[4, j]
        for chunk in nb.prange(chunks.shape[0] - 1):
            divergence = np.empty(longest if fields > 1 else 0, start.dtype)
            for r in range(chunks[chunk], chunks[chunk + 1]):
                a, b = base[r], base[r] + length[r]
                fx, fx_before = face_x[a:b], face_x[a - sx : b - sx]
                fy, fy_before = face_y[a:b], face_y[a - sy : b - sy]
                fz, fz_before = face_z[a:b], face_z[a - 1 : b - 1]
                for f in range(fields):
                    c = known[f, a:b]
                    x_after, x_before = known[f, a + sx : b + sx], known[f, a - sx : b - sx]
                    y_after, y_before = known[f, a + sy : b + sy], known[f, a - sy : b - sy]
                    z_after, z_before = known[f, a + 1 : b + 1], known[f, a - 1 : b - 1]
                    y0, l0, out = start[f, a:b], first_flux[f, a:b], result[f, a:b]
                    if f == 0 and fields > 1:
                        for k in range(out.shape[0]):
                            v = c[k]
                            div = (
                                fx[k] * (x_after[k] - v)
                                - fx_before[k] * (v - x_before[k])
                                + fy[k] * (y_after[k] - v)
                                - fy_before[k] * (v - y_before[k])
                                + fz[k] * (z_after[k] - v)
                                - fz_before[k] * (v - z_before[k])
                            )
                            divergence[k] = div
                            out[k] = m * v + n * out[k] + rest * y0[k] + ml * div + g * l0[k]
                    else:
                        for k in range(out.shape[0]):
                            v = c[k]
                            div = (
                                fx[k] * (x_after[k] - v)
                                - fx_before[k] * (v - x_before[k])
                                + fy[k] * (y_after[k] - v)
                                - fy_before[k] * (v - y_before[k])
                                + fz[k] * (z_after[k] - v)
                                - fz_before[k] * (v - z_before[k])
                            )
                            out[k] = m * v + n * out[k] + rest * y0[k] + ml * div + g * l0[k]
                        if f == _MU_D:
                            for k in range(out.shape[0]):
                                out[k] += ml * mu_d_source * divergence[k]
                if j == last:
                    _react_row(result, a, b, growth, growth_slope)
    return last % 2 == 0


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True, nogil=True)
def combine(
    coarse: NDArray,
    fine: NDArray,
    base: NDArray,
    length: NDArray,
    chunks: NDArray,
    active: float,
    low: NDArray,
    high: NDArray,
) -> tuple[float, float, float, float]:
    """Extrapolate (4 fine - coarse) / 3 into ``coarse``, clipped below at zero.

    ``low`` and ``high`` receive per row the first and one past the last voxel above ``active`` (0, 0 if none).

    Returns
    -------
    Sums of (fine - coarse)^2, of fine^2, of the extrapolated c and of c (1 - c).
    """
    parts = np.zeros((chunks.shape[0] - 1, 4), np.float64)
    for chunk in nb.prange(chunks.shape[0] - 1):
        for r in range(chunks[chunk], chunks[chunk + 1]):
            a, b = base[r], base[r] + length[r]
            for f in range(1, coarse.shape[0]):
                tangent, better, c_coarse, c_fine = coarse[f, a:b], fine[f, a:b], coarse[0, a:b], fine[0, a:b]
                for k in range(tangent.shape[0]):
                    value = (4 * better[k] - tangent[k]) / 3
                    tangent[k] = value if 4 * c_fine[k] > c_coarse[k] else value - value
            out, source = coarse[0, a:b], fine[0, a:b]
            error, norm, total, growth = 0.0, 0.0, 0.0, 0.0
            for k in range(out.shape[0]):
                d = np.float64(source[k]) - np.float64(out[k])
                v = (4 * source[k] - out[k]) / 3
                v = v if v > 0 else v - v
                w = np.float64(v)
                error += d * d
                norm += w * w
                total += w
                growth += w * (1 - w)
                out[k] = v
            parts[chunk, 0] += error
            parts[chunk, 1] += norm
            parts[chunk, 2] += total
            parts[chunk, 3] += growth
            first, last = 0, out.shape[0]
            while first < last and out[first] <= active:
                first += 1
            while last > first and out[last - 1] <= active:
                last -= 1
            low[r] = first
            high[r] = last
    return parts[:, 0].sum(), parts[:, 1].sum(), parts[:, 2].sum(), parts[:, 3].sum()
