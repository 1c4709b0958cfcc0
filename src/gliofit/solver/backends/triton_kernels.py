"""Triton kernels of the accurate integrator: Strang steps and step doubling on tiles of a padded box.

A field is stored on the flattened box, filled up to whole tiles with zeros: ``row`` voxels along the last axis,
``plane`` in a slab, ``size`` in all; fields of a batch have shape (B, F, size). Program (p, b) works on tile
``tiles[b, p]`` of tumour b and has nothing to do where the tumour has no more than p tiles. It takes all fields in
turn, so that face coefficients, and what the tangents need of c, are read once.

Nothing is masked, which lets loads be as wide as they can. Voxels outside tissue are zero and have closed faces, so
they stay zero whatever their neighbours are; those of the outermost voxels are anything finite, and the caller sees to
it that ``plane`` numbers before and after each array can be read.

All that differs between tumours and attempts lies in device buffers, so that a CUDA graph can repeat the launches:

- ``counts`` (B, 3), int32: number of tiles, stages of the coarse step, stages of each fine step;
- ``scalars`` (B, 2, ``SCALARS``) for the coarse and the fine steps, in the type of the fields: k = w D tau / h^2 of
  RKL2, its derivative with respect to mu_D, the weights a and b of ``Rkl2``, the growth factor e of either reaction,
  its derivative with respect to mu_rho, and the concentration above which a voxel is active.
"""

from __future__ import annotations

# Triton would look up annotations of arguments while it compiles.
# mypy: disallow-untyped-defs=False
import triton
import triton.language as tl

__all__ = ["SCALARS", "TILE", "add_up", "combine", "first_stage", "later_stage"]

#: Voxels of a tile along the three axes, powers of two. 512 voxels are four for each thread of four warps; 16 along the
#: last axis are 64 bytes in float32, whole sectors of memory, while the tile stays round enough to follow a tumour.
TILE = (4, 8, 16)
#: Numbers per tumour and kind of step in ``scalars``.
SCALARS = 7

_X, _Y, _Z = tl.constexpr(TILE[0]), tl.constexpr(TILE[1]), tl.constexpr(TILE[2])
_VOXELS = tl.constexpr(TILE[0] * TILE[1] * TILE[2])
_SCALARS = tl.constexpr(SCALARS)
# Partial sums that ``add_up`` takes at a time.
_SUMMANDS = tl.constexpr(256)
# Fields with sources of their own, among c and its derivatives with respect to x, y, z, mu_D, mu_rho.
_MU_D = tl.constexpr(4)
_MU_RHO = tl.constexpr(5)


@triton.jit
def _voxels(tile, plane, row):
    """Places of a tile's voxels in a field."""
    across, up = plane // row // _Y, row // _Z
    voxel = tl.arange(0, _VOXELS)
    x = tile // (across * up) * _X + voxel // (_Y * _Z)
    y = tile // up % across * _Y + voxel // _Z % _Y
    return x * plane + y * row + (tile % up * _Z + voxel % _Z)


@triton.jit
def _star(field, plane, row):
    """Values at voxels, given by their addresses, and at their six neighbours."""
    return (
        tl.load(field),
        tl.load(field + plane), tl.load(field - plane),
        tl.load(field + row), tl.load(field - row),
        tl.load(field + 1), tl.load(field - 1),
    )  # fmt: skip


@triton.jit
def _faces(fx, fy, fz, at, plane, row):
    """Coefficients of the six faces, in the order of ``_star``."""
    return (
        tl.load(fx + at), tl.load(fx + at - plane),
        tl.load(fy + at), tl.load(fy + at - row),
        tl.load(fz + at), tl.load(fz + at - 1),
    )  # fmt: skip


@triton.jit
def _divergence(star, faces):
    """L of a field: sum over faces of coefficient times difference."""
    v = star[0]
    return (
        faces[0] * (star[1] - v) - faces[1] * (v - star[2])
        + faces[2] * (star[3] - v) - faces[3] * (v - star[4])
        + faces[4] * (star[5] - v) - faces[5] * (v - star[6])
    )  # fmt: skip


@triton.jit
def _shrunk(c, growth):
    """1 / (1 + c (e - 1)) at each place of a star."""
    more = growth - 1.0
    return (
        1.0 / (1.0 + c[0] * more),
        1.0 / (1.0 + c[1] * more), 1.0 / (1.0 + c[2] * more),
        1.0 / (1.0 + c[3] * more), 1.0 / (1.0 + c[4] * more),
        1.0 / (1.0 + c[5] * more), 1.0 / (1.0 + c[6] * more),
    )  # fmt: skip


@triton.jit
def _grown(c, shrunk, growth):
    """Logistic growth of c at each place of a star: c e / (1 + c (e - 1))."""
    return (
        c[0] * growth * shrunk[0],
        c[1] * growth * shrunk[1], c[2] * growth * shrunk[2],
        c[3] * growth * shrunk[3], c[4] * growth * shrunk[4],
        c[5] * growth * shrunk[5], c[6] * growth * shrunk[6],
    )  # fmt: skip


@triton.jit
def _tangent(t, c, shrunk, growth, slope):
    """Tangent after logistic growth: (e t + e' c (1 - c)) / (1 + c (e - 1))^2."""
    return (growth * t + slope * c * (1.0 - c)) * shrunk * shrunk


@triton.jit
def _grown_tangents(t, c, shrunk, growth, slope):
    """Tangents after logistic growth at each place of a star."""
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
    """Reaction before diffusion and first stage: ``start`` = p_0 = R source, ``out`` = p_1 = p_0 + k L p_0.

    Neighbours react here too, each again for every voxel beside it, which is cheaper than to write p_0 first.
    """
    place, tumour = tl.program_id(0), tl.program_id(1)
    if place >= tl.load(counts + 3 * tumour):
        return
    at = _voxels(tl.load(tiles + tumour * most_tiles + place), plane, row)
    mine = scalars + (2 * tumour + fine) * _SCALARS
    k, k_slope, growth, growth_slope = tl.load(mine), tl.load(mine + 1), tl.load(mine + 4), tl.load(mine + 5)
    faces = _faces(fx, fy, fz, at, plane, row)
    # Batches of many fields may be longer than 32 bits can count.
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
    known, last, start, out, fx, fy, fz, tiles, counts, scalars, fine, stage, most_tiles, size, plane, row,
    FIELDS: tl.constexpr,
):  # fmt: skip
    """Stage j >= 2: ``out`` = p_j from ``known`` = p_(j-1) and ``last`` = p_(j-2), which may be ``out``.

    In the last stage of a tumour ``out`` is R (a ``start`` + b p_s), the end of the step; tumours that need fewer
    stages than others of their batch rest meanwhile.
    """
    place, tumour = tl.program_id(0), tl.program_id(1)
    stages = tl.load(counts + 3 * tumour + 1 + fine)
    if (place >= tl.load(counts + 3 * tumour)) | (stage > stages):
        return
    at = _voxels(tl.load(tiles + tumour * most_tiles + place), plane, row)
    mine = scalars + (2 * tumour + fine) * _SCALARS
    k, k_slope = tl.load(mine), tl.load(mine + 1)
    j = stage.to(k.dtype)
    of_known, of_last = (2.0 * j - 1.0) / j, (1.0 - j) / j
    of_start, of_polynomial = tl.load(mine + 2), tl.load(mine + 3)
    # Before the last stage grow by a factor of 1, which changes nothing, not even by rounding.
    ends = stage == stages
    growth = tl.load(mine + 4, mask=ends, other=1.0)
    growth_slope = tl.load(mine + 5, mask=ends, other=0.0)
    faces = _faces(fx, fy, fz, at, plane, row)
    begin = tumour.to(tl.int64) * FIELDS * size
    star = _star(known + begin + at, plane, row)
    spread = _divergence(star, faces)
    c = of_known * (star[0] + k * spread) + of_last * tl.load(last + begin + at)
    if ends:
        c = of_start * tl.load(start + begin + at) + of_polynomial * c
    shrunk = 1.0 / (1.0 + c * (growth - 1.0))
    tl.store(out + begin + at, c * growth * shrunk)
    for f in tl.static_range(1, FIELDS):
        begin += size
        star = _star(known + begin + at, plane, row)
        grown = star[0] + k * _divergence(star, faces)
        if f == _MU_D:
            grown += k_slope * spread
        t = of_known * grown + of_last * tl.load(last + begin + at)
        if ends:
            t = of_start * tl.load(start + begin + at) + of_polynomial * t
        if f == _MU_RHO:
            t = _tangent(t, c, shrunk, growth, growth_slope)
        else:
            t = _tangent(t, c, shrunk, growth, 0.0)
        tl.store(out + begin + at, t)


@triton.jit
def combine(coarse, fine, tiles, counts, scalars, partial, active, most_tiles, size, plane, row, FIELDS: tl.constexpr):
    """Extrapolate (4 fine - coarse) / 3 into ``coarse``, clipped below at zero, where tangents are zero too.

    ``partial`` (B, 4, most_tiles), float64, receives per program the sums of (fine - coarse)^2, of fine^2, of the new c
    and of c (1 - c); ``active`` (B, most_tiles), int8, per tile whether any voxel is active.
    """
    place, tumour = tl.program_id(0), tl.program_id(1)
    sums = partial + tumour * 4 * most_tiles + place
    if place >= tl.load(counts + 3 * tumour):
        for q in tl.static_range(4):
            tl.store(sums + q * most_tiles, 0.0)
        return
    tile = tl.load(tiles + tumour * most_tiles + place)
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
