"""Numba kernels of the accurate integrator: logistic steps, RKL2 diffusion and step doubling on packed rows.

Fields have shape (F, N): F fields (c, or c and its tangents) on ``PackedRows``. Row r covers ``length[r]`` voxels from
index ``base[r]``; its neighbours along the first two axes begin at ``beside[q, r]``, q = +x, -x, +y, -y. Slab i (first
axis) holds the rows ``slabs[i]`` to ``slabs[i + 1]``. Fields are zero outside the rows.

Indices are unsigned, since the loops do not vectorise where an index might be negative and count from the end; and no
loop reads and writes two names of one array, since then they do not either.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from gliofit.core.compiled import cached_njit

#: Without `reassoc`, which would let numba order the same sums differently in a kernel that it has just compiled and in
#: one from its cache (numba issue 10617).
_FAST = {"nnan", "ninf", "nsz", "arcp", "contract"}

Array = NDArray[Any]

# Places of the tangents that have sources of their own, among c, three of the origin, mu_D, mu_rho, grey share.
_MU_D = 4
_MU_RHO = 5
_GREY_SHARE = 6


@nb.njit(fastmath=_FAST, error_model="numpy")
def _begin_slab(
    state: Array, start: Array, two: Array, slope: Array, base: Array, length: Array, low: int, high: int,
    growth: np.floating, growth_slope: np.floating,
) -> None:  # fmt: skip
    """Logistic growth before diffusion, from ``state`` into ``start`` and ``two`` (p_0).

    c <- c e / (1 + c (e - 1)) with e = ``growth``; tangents are multiplied by its derivative, e / (1 + c (e - 1))^2,
    which ``slope`` holds meanwhile; that of mu_rho gains the derivative with respect to e. ``slope`` ends as p_0 of c.
    """
    one = growth / growth
    fields = state.shape[0]
    c, c_start, c_two = state[0], start[0], two[0]
    for r in range(low, high):
        a, n = base[r], length[r]
        if fields > 1:
            for k in range(n):
                d = one / (one + c[a + k] * (growth - one))
                slope[a + k] = growth * d * d
            for f in range(1, fields):
                source, t_start, t_two = state[f], start[f], two[f]
                if f == _MU_RHO:
                    extra = growth_slope / growth
                    for k in range(n):
                        v = c[a + k]
                        w = slope[a + k] * (source[a + k] + extra * v * (one - v))
                        t_start[a + k] = w
                        t_two[a + k] = w
                else:
                    for k in range(n):
                        w = slope[a + k] * source[a + k]
                        t_start[a + k] = w
                        t_two[a + k] = w
        for k in range(n):
            v = c[a + k]
            w = v * growth / (one + v * (growth - one))
            c_start[a + k] = w
            c_two[a + k] = w
        if fields > 1:
            for k in range(n):
                slope[a + k] = c_start[a + k]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _end_slab(
    start: Array, result: Array, base: Array, length: Array, low: int, high: int,
    of_start: np.floating, of_polynomial: np.floating, growth: np.floating, growth_slope: np.floating,
) -> None:  # fmt: skip
    """End of RKL2, ``of_start`` start + ``of_polynomial`` result, and logistic growth after it, into ``result``.

    With tangents, ``start`` of c is used up: it holds their factor at the end.
    """
    one = growth / growth
    c_start, c = start[0], result[0]
    for r in range(low, high):
        a, n = base[r], length[r]
        if start.shape[0] > 1:
            for k in range(n):
                v = of_start * c_start[a + k] + of_polynomial * c[a + k]
                d = one / (one + v * (growth - one))
                c[a + k] = v * growth * d
                c_start[a + k] = growth * d * d
        else:
            for k in range(n):
                v = of_start * c_start[a + k] + of_polynomial * c[a + k]
                c[a + k] = v * growth / (one + v * (growth - one))
        for f in range(1, start.shape[0]):
            t_start, t = start[f], result[f]
            for k in range(n):
                t[a + k] = c_start[a + k] * (of_start * t_start[a + k] + of_polynomial * t[a + k])
            if f == _MU_RHO:
                extra = growth_slope / growth
                for k in range(n):
                    # With w = v e / (1 + v (e - 1)), the derivative v (1 - v) / (1 + v (e - 1))^2 is w (1 - w) / e.
                    w = c[a + k]
                    t[a + k] += extra * w * (one - w)


@nb.njit(fastmath=_FAST, error_model="numpy")
def _stage_slab(
    known: Array, out: Array, fields: int, fx: Array, fy: Array, fz: Array,
    base: Array, length: Array, beside: Array, low: int, high: int,
    of_known: np.floating, of_flux: np.floating, of_last: np.floating,
) -> None:  # fmt: skip
    """Set out <- of_known known + of_flux L known + of_last out, on the rows ``low`` to ``high`` of flattened fields.

    All fields of a row follow each other, so that they find its faces in the nearest cache.
    """
    unit = np.uint64(1)
    stored = np.uint64(fx.shape[0])
    for r in range(low, high):
        n = length[r]
        xm, ym = beside[1, r], beside[3, r]
        face = base[r]
        for f in range(np.uint64(fields)):
            shift = f * stored
            a = face + shift
            xp_c, xm_c, yp_c, ym_c = beside[0, r] + shift, xm + shift, beside[2, r] + shift, ym + shift
            for k in range(n):
                v = known[a + k]
                div = (
                    fx[face + k] * (known[xp_c + k] - v)
                    - fx[xm + k] * (v - known[xm_c + k])
                    + fy[face + k] * (known[yp_c + k] - v)
                    - fy[ym + k] * (v - known[ym_c + k])
                    + fz[face + k] * (known[a + k + unit] - v)
                    - fz[face + k - unit] * (v - known[a + k - unit])
                )
                out[a + k] = of_known * v + of_flux * div + of_last * out[a + k]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _add_slab(
    source: Array, total: Array, base: Array, length: Array, low: int, high: int, weight: np.floating
) -> None:  # fmt: skip
    """Set total <- total + weight source, on the rows ``low`` to ``high``."""
    for r in range(low, high):
        a, n = base[r], length[r]
        for k in range(n):
            total[a + k] += weight * source[a + k]


@nb.njit(fastmath=_FAST, error_model="numpy")
def _slab(
    stage: int, low: int, high: int, state: Array, start: Array, one: Array, two: Array, slope: Array,
    fx: Array, fy: Array, fz: Array, gx: Array, gy: Array, gz: Array,
    base: Array, length: Array, beside: Array,
    stages: int, of_flux: np.floating, mu_d_source: np.floating,
    of_start: np.floating, of_polynomial: np.floating, before: Array, after: Array,
) -> None:  # fmt: skip
    """Stage of rows of one slab: 0 the reaction before, 1 to ``stages`` those of RKL2, the last with that after."""
    unit = of_flux / of_flux
    fields = start.shape[0]
    if stage == 0:
        _begin_slab(state, start, two, slope, base, length, low, high, before[0], before[1])
        return
    j = unit * stage
    of_known = (j + j - unit) / j
    of_last = -(j - unit) / j
    known, result = (one, two) if stage % 2 == 0 else (two, one)
    # At stage 1 ``result`` holds something finite from before, which is multiplied by zero.
    _stage_slab(
        known.reshape(-1), result.reshape(-1), fields, fx, fy, fz, base, length, beside, low, high,
        of_known, of_known * of_flux, of_last,
    )  # fmt: skip
    if fields > 1 and len(gx) > 0:
        _stage_slab(
            known[0], result[_GREY_SHARE], 1, gx, gy, gz, base, length, beside, low, high,
            unit - unit, of_known * of_flux, unit,
        )  # fmt: skip
    if fields > 1 and stage % 2 == 0:
        _add_slab(result[0], slope, base, length, low, high, j + j + unit)
    if stage == stages:
        if fields > 1:
            _stage_slab(
                slope, result[_MU_D], 1, fx, fy, fz, base, length, beside, low, high,
                unit - unit, of_flux * mu_d_source, unit,
            )  # fmt: skip
        _end_slab(start, result, base, length, low, high, of_start, of_polynomial, after[0], after[1])


@cached_njit(parallel=True, fastmath=_FAST, error_model="numpy", nogil=True)
def strang(
    state: Array, start: Array, one: Array, two: Array, slope: Array,
    fx: Array, fy: Array, fz: Array, gx: Array, gy: Array, gz: Array,
    base: Array, length: Array, beside: Array,
    slabs: Array, blocks: Array, depth: int,
    stages: int, of_flux: np.floating, mu_d_source: np.floating,
    of_start: np.floating, of_polynomial: np.floating, before: Array, after: Array,
) -> None:  # fmt: skip
    """React, diffuse by RKL2, react: from ``state`` into ``one`` (``stages`` is odd); the others are work space.

    ``fx``, ``fy``, ``fz`` are face coefficients, and ``gx``, ``gy``, ``gz`` their derivative by the grey share, which
    only its tangent needs. ``of_flux`` is w D tau / h^2; its derivative with respect to mu_D is ``mu_d_source`` times
    itself. ``of_start`` and ``of_polynomial`` are a and b of ``Rkl2``. ``before`` and ``after`` hold the growth factors
    of the reactions and their derivatives with respect to mu_rho. ``state`` may be ``one``.

    With tangents, ``slope`` collects the derivative of the Legendre polynomial, P_s' = sum of (2 m + 1) P_m over even
    m < s, applied to c: L of it is the source of the tangent of mu_D, so that all tangents share one recurrence.

    Stages are taken ``depth`` at a time while slabs are in the cache (temporal blocking): block c sweeps over the slabs
    ``blocks[c]`` to ``blocks[c + 1]``, each stage one slab behind the one before. Where blocks meet, stage q leaves out
    q slabs on either side, which follow when both blocks are done. A stage overwrites the result of the last but one
    only where the last no longer needs it.
    """
    count = blocks.shape[0] - 1
    begin = 0
    while begin <= stages:
        deep = min(depth, stages + 1 - begin)
        for part in range(2 if deep > 1 else 1):
            # First the blocks but for their borders, then the borders between them.
            for c in nb.prange(part, count):
                first, end = (blocks[c], blocks[c + 1]) if part == 0 else (blocks[c] - deep, blocks[c] + deep)
                for front in range(first, end + deep):
                    for q in range(part, deep):
                        slab = front - q
                        if part == 0:
                            low = blocks[c] + (q if c > 0 else 0)
                            high = blocks[c + 1] - (q if c < count - 1 else 0)
                        else:
                            low, high = blocks[c] - q, blocks[c] + q
                        if low <= slab < high:
                            _slab(
                                begin + q, slabs[slab], slabs[slab + 1], state, start, one, two, slope, fx, fy, fz,
                                gx, gy, gz, base, length, beside, stages, of_flux, mu_d_source, of_start,
                                of_polynomial, before, after,
                            )  # fmt: skip
        begin += deep


@cached_njit(parallel=True, fastmath=_FAST, error_model="numpy", nogil=True)
def combine(
    coarse: Array, fine: Array, base: Array, length: Array, chunks: Array, active: np.floating, low: Array, high: Array
) -> tuple[float, float, float, float]:
    """Extrapolate (4 fine - coarse) / 3 into ``fine``, c clipped below at zero, where its tangents are zero too.

    Fields that ``coarse`` does not have stay as they are. Chunk k, one task for a thread, holds the rows ``chunks[k]``
    to ``chunks[k + 1]``. ``low`` and ``high`` receive per row the first and one past the last voxel above ``active``
    (0, 0 if none).

    Returns
    -------
    Sums of (fine - coarse)^2, of fine^2, of the extrapolated c and of c (1 - c).
    """
    parts = np.zeros((chunks.shape[0] - 1, 4), np.float64)
    one = active / active
    tiny = one * 1e-30
    four_thirds, third = (one + one + one + one) / (one + one + one), one / (one + one + one)
    for chunk in nb.prange(chunks.shape[0] - 1):
        for r in range(chunks[chunk], chunks[chunk + 1]):
            a, n = base[r], length[r]
            c, c_coarse = fine[0], coarse[0]
            for f in range(1, coarse.shape[0]):
                tangent, other = fine[f], coarse[f]
                for k in range(n):
                    tangent[a + k] = four_thirds * tangent[a + k] - third * other[a + k]
            if fine.shape[0] > 1:
                # Clipping is rare, so look first.
                clipped = 0
                for k in range(n):
                    clipped += 1 if four_thirds * c[a + k] < third * c_coarse[a + k] else 0
                if clipped > 0:
                    for f in range(1, fine.shape[0]):
                        tangent = fine[f]
                        for k in range(n):
                            if four_thirds * c[a + k] < third * c_coarse[a + k]:
                                tangent[a + k] = one - one
            error, norm, total, growth = 0.0, 0.0, 0.0, 0.0
            for k in range(n):
                u = np.float64(c[a + k])
                d = u - np.float64(c_coarse[a + k])
                v = four_thirds * c[a + k] - third * c_coarse[a + k]
                # Denormal numbers far ahead of the front would slow every later loop.
                v = v if v > tiny else one - one
                w = np.float64(v)
                error += d * d
                norm += u * u
                total += w
                growth += w * (1 - w)
                c[a + k] = v
            parts[chunk, 0] += error
            parts[chunk, 1] += norm
            parts[chunk, 2] += total
            parts[chunk, 3] += growth
            begin, end = 0, int(n)
            while begin < end and c[a + np.uint64(begin)] <= active:
                begin += 1
            while end > begin and c[a + np.uint64(end - 1)] <= active:
                end -= 1
            low[r] = begin
            high[r] = end
    return parts[:, 0].sum(), parts[:, 1].sum(), parts[:, 2].sum(), parts[:, 3].sum()
