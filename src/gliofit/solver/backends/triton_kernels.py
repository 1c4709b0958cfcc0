"""Triton kernels of the accurate integrator: Strang steps and step doubling on tiles of a padded box.

A field is stored on the flattened box, padded to whole tiles with zeros: ``row`` voxels along the last axis, ``plane``
in a slab, ``size`` in total; fields of a batch have shape (B, F, size). Program (p, b) works on tile ``tiles[b, p]`` of
tumour b and returns if the tumour has at most p tiles. It processes all fields in turn, so that face coefficients and
c are read once.

Loads are not masked, so that they are as wide as possible. Voxels outside tissue are zero with closed faces and stay
zero for any finite neighbours; the caller allocates ``plane`` readable numbers before and after each array.

Values that differ between tumours and attempts are in device buffers, so that a CUDA graph can repeat the launches:

- ``counts`` (B, 3), int32: number of tiles, stages of the coarse step, stages of each fine step;
- ``scalars`` (B, 2, ``SCALARS``) for the coarse and the fine steps, in the type of the fields: k = w D tau / h^2 of
  RKL2, its derivative with respect to mu_D, the weights a and b of ``Rkl2``, the growth factor e of either reaction,
  its derivative with respect to mu_rho, and the concentration above which a voxel is active.
"""

from __future__ import annotations

# Triton evaluates annotations of arguments when it compiles.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
import triton
import triton.language as tl

#: Voxels of a tile along the three axes, powers of two. 512 voxels are four for each thread of four warps; 16 along the
#: last axis are 64 bytes in float32, whole sectors of memory.
TILE = (4, 8, 16)
#: Numbers per tumour and kind of step in ``scalars``.
SCALARS = 7

_X, _Y, _Z = tl.constexpr(TILE[0]), tl.constexpr(TILE[1]), tl.constexpr(TILE[2])
_VOXELS = tl.constexpr(TILE[0] * TILE[1] * TILE[2])
_SCALARS = tl.constexpr(SCALARS)
# Partial sums per iteration of ``add_up``.
_SUMMANDS = tl.constexpr(256)
# Fields with source terms among c and its derivatives by x, y, z, mu_D, mu_rho.
_MU_D = tl.constexpr(4)
_MU_RHO = tl.constexpr(5)


@triton.jit
def _voxels(tile, plane, row):
    """Return the indices of a tile's voxels in a field."""
    across, up = plane // row // _Y, row // _Z
    voxel = tl.arange(0, _VOXELS)
    x = tile // (across * up) * _X + voxel // (_Y * _Z)
    y = tile // up % across * _Y + voxel // _Z % _Y
    return x * plane + y * row + (tile % up * _Z + voxel % _Z)


@triton.jit
def _star(field, plane, row):
    """Load values at voxel addresses and at their six neighbours."""
    return (
        tl.load(field),
        tl.load(field + plane), tl.load(field - plane),
        tl.load(field + row), tl.load(field - row),
        tl.load(field + 1), tl.load(field - 1),
    )  # fmt: skip


@triton.jit
def _faces(fx, fy, fz, at, plane, row):
    """Load the coefficients of the six faces, in the order of ``_star``."""
    return (
        tl.load(fx + at), tl.load(fx + at - plane),
        tl.load(fy + at), tl.load(fy + at - row),
        tl.load(fz + at), tl.load(fz + at - 1),
    )  # fmt: skip


@triton.jit
def _divergence(star, faces):
    """Compute L of a field: sum over faces of coefficient times difference."""
    v = star[0]
    return (
        faces[0] * (star[1] - v) - faces[1] * (v - star[2])
        + faces[2] * (star[3] - v) - faces[3] * (v - star[4])
        + faces[4] * (star[5] - v) - faces[5] * (v - star[6])
    )  # fmt: skip


@triton.jit
def _shrunk(c, growth):
    """Compute 1 / (1 + c (e - 1)) at each voxel of a star."""
    more = growth - 1.0
    return (
        1.0 / (1.0 + c[0] * more),
        1.0 / (1.0 + c[1] * more), 1.0 / (1.0 + c[2] * more),
        1.0 / (1.0 + c[3] * more), 1.0 / (1.0 + c[4] * more),
        1.0 / (1.0 + c[5] * more), 1.0 / (1.0 + c[6] * more),
    )  # fmt: skip


@triton.jit
def _grown(c, shrunk, growth):
    """Compute logistic growth of c, c e / (1 + c (e - 1)), at each voxel of a star."""
    return (
        c[0] * growth * shrunk[0],
        c[1] * growth * shrunk[1], c[2] * growth * shrunk[2],
        c[3] * growth * shrunk[3], c[4] * growth * shrunk[4],
        c[5] * growth * shrunk[5], c[6] * growth * shrunk[6],
    )  # fmt: skip


@triton.jit
def _tangent(t, c, shrunk, growth, slope):
    """Compute the tangent after logistic growth: (e t + e' c (1 - c)) / (1 + c (e - 1))^2."""
    return (growth * t + slope * c * (1.0 - c)) * shrunk * shrunk


@triton.jit
def _grown_tangents(t, c, shrunk, growth, slope):
    """Compute tangents after logistic growth at each voxel of a star."""
    return (
        _tangent(t[0], c[0], shrunk[0], growth, slope),
        _tangent(t[1], c[1], shrunk[1], growth, slope), _tangent(t[2], c[2], shrunk[2], growth, slope),
        _tangent(t[3], c[3], shrunk[3], growth, slope), _tangent(t[4], c[4], shrunk[4], growth, slope),
        _tangent(t[5], c[5], shrunk[5], growth, slope), _tangent(t[6], c[6], shrunk[6], growth, slope),
    )  # fmt: skip


@triton.jit(do_not_specialize=["fine"])
def first_stage(
    source, start, out, fx, fy, fz, tiles, counts, scalars, fine, most_tiles, size, plane, row, FIELDS: tl.constexpr
):
    """Compute reaction and first stage: ``start`` = p_0 = R source, ``out`` = p_1 = p_0 + k L p_0.

    The reaction of each neighbour is recomputed, which is cheaper than writing p_0 first.
    """
    program, tumour = tl.program_id(0), tl.program_id(1)
    if program >= tl.load(counts + 3 * tumour):
        return
    at = _voxels(tl.load(tiles + tumour * most_tiles + program), plane, row)
    factors = scalars + (2 * tumour + fine) * _SCALARS
    k, k_slope = tl.load(factors), tl.load(factors + 1)
    growth, growth_slope = tl.load(factors + 4), tl.load(factors + 5)
    faces = _faces(fx, fy, fz, at, plane, row)
    # Offsets in batches of many fields may exceed 32 bits.
    begin = tumour.to(tl.int64) * FIELDS * size
    c = _star(source + begin + at, plane, row)
    shrunk = _shrunk(c, growth)
    grown = _grown(c, shrunk, growth)
    spread = _divergence(grown, faces)
    tl.store(start + begin + at, grown[0])
    tl.store(out + begin + at, grown[0] + k * spread)
    for f in tl.static_range(1, FIELDS):
        begin += size
        t = _star(source + begin + at, plane, row)
        if f == _MU_RHO:
            t = _grown_tangents(t, c, shrunk, growth, growth_slope)
        else:
            t = _grown_tangents(t, c, shrunk, growth, 0.0)
        new = t[0] + k * _divergence(t, faces)
        if f == _MU_D:
            new += k_slope * spread
        tl.store(start + begin + at, t[0])
        tl.store(out + begin + at, new)


@triton.jit(do_not_specialize=["fine", "stage"])
def later_stage(
    now, last, start, out, fx, fy, fz, tiles, counts, scalars, fine, stage, most_tiles, size, plane, row,
    FIELDS: tl.constexpr,
):  # fmt: skip
    """Compute stage j >= 2: ``out`` = p_j from ``now`` = p_(j-1) and ``last`` = p_(j-2), which may be ``out``.

    In the last stage of a tumour ``out`` is R (a ``start`` + b p_s), the end of the step. Tumours with fewer stages
    than others of their batch are skipped afterwards.
    """
    program, tumour = tl.program_id(0), tl.program_id(1)
    stages = tl.load(counts + 3 * tumour + 1 + fine)
    if (program >= tl.load(counts + 3 * tumour)) | (stage > stages):
        return
    at = _voxels(tl.load(tiles + tumour * most_tiles + program), plane, row)
    factors = scalars + (2 * tumour + fine) * _SCALARS
    k, k_slope = tl.load(factors), tl.load(factors + 1)
    j = stage.to(k.dtype)
    weight_now, weight_last = (2.0 * j - 1.0) / j, (1.0 - j) / j
    weight_start, weight_end = tl.load(factors + 2), tl.load(factors + 3)
    # A growth factor of 1 before the last stage is exact, without rounding.
    ends = stage == stages
    growth = tl.load(factors + 4, mask=ends, other=1.0)
    growth_slope = tl.load(factors + 5, mask=ends, other=0.0)
    faces = _faces(fx, fy, fz, at, plane, row)
    begin = tumour.to(tl.int64) * FIELDS * size
    star = _star(now + begin + at, plane, row)
    spread = _divergence(star, faces)
    c = weight_now * (star[0] + k * spread) + weight_last * tl.load(last + begin + at)
    if ends:
        c = weight_start * tl.load(start + begin + at) + weight_end * c
    shrunk = 1.0 / (1.0 + c * (growth - 1.0))
    tl.store(out + begin + at, c * growth * shrunk)
    for f in tl.static_range(1, FIELDS):
        begin += size
        star = _star(now + begin + at, plane, row)
        grown = star[0] + k * _divergence(star, faces)
        if f == _MU_D:
            grown += k_slope * spread
        t = weight_now * grown + weight_last * tl.load(last + begin + at)
        if ends:
            t = weight_start * tl.load(start + begin + at) + weight_end * t
        if f == _MU_RHO:
            t = _tangent(t, c, shrunk, growth, growth_slope)
        else:
            t = _tangent(t, c, shrunk, growth, 0.0)
        tl.store(out + begin + at, t)


@triton.jit
def combine(coarse, fine, tiles, counts, scalars, partial, active, most_tiles, size, plane, row, FIELDS: tl.constexpr):
    """Extrapolate (4 fine - coarse) / 3 into ``coarse``, clipped below at zero; tangents are zero where c is clipped.

    ``partial`` (B, 4, most_tiles), float64, receives per program the sums of (fine - coarse)^2, of fine^2, of the new c
    and of c (1 - c); ``active`` (B, most_tiles), int8, receives whether any voxel of a tile is active.
    """
    program, tumour = tl.program_id(0), tl.program_id(1)
    sums = partial + tumour * 4 * most_tiles + program
    if program >= tl.load(counts + 3 * tumour):
        for q in tl.static_range(4):
            tl.store(sums + q * most_tiles, 0.0)
        return
    tile = tl.load(tiles + tumour * most_tiles + program)
    at = _voxels(tile, plane, row)
    begin = tumour.to(tl.int64) * FIELDS * size
    one, two = tl.load(coarse + begin + at), tl.load(fine + begin + at)
    better = (4.0 * two - one) / 3.0
    clipped = better < 0.0
    c = tl.where(clipped, 0.0, better)
    tl.store(coarse + begin + at, c)
    wide, norm = c.to(tl.float64), two.to(tl.float64)
    error = norm - one.to(tl.float64)
    tl.store(sums, tl.sum(error * error, 0))
    tl.store(sums + most_tiles, tl.sum(norm * norm, 0))
    tl.store(sums + 2 * most_tiles, tl.sum(wide, 0))
    tl.store(sums + 3 * most_tiles, tl.sum(wide * (1.0 - wide), 0))
    above = c > tl.load(scalars + 2 * tumour * _SCALARS + 6)
    tl.store(active + tumour * most_tiles + tile, tl.max(above.to(tl.int32), 0).to(tl.int8))
    for _ in tl.static_range(1, FIELDS):
        begin += size
        t = (4.0 * tl.load(fine + begin + at) - tl.load(coarse + begin + at)) / 3.0
        tl.store(coarse + begin + at, tl.where(clipped, 0.0, t))


@triton.jit(do_not_specialize=["launched"])
def add_up(partial, sums, launched, most_tiles):
    """Sum the first ``launched`` entries of each row of ``partial`` into ``sums`` (B, 4); program (q, b)."""
    q, tumour = tl.program_id(0), tl.program_id(1)
    total = tl.zeros((_SUMMANDS,), tl.float64)
    for begin in range(0, launched, _SUMMANDS):
        at = begin + tl.arange(0, _SUMMANDS)
        total += tl.load(partial + (tumour * 4 + q) * most_tiles + at, mask=at < launched, other=0.0)
    tl.store(sums + tumour * 4 + q, tl.sum(total, 0))
