"""Distances in mm from a set of voxels, as the crow flies or around barriers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["TOLERANCE_MM", "distance_mm", "geodesic_distance_mm"]

#: Headers hold spacings in single precision; a voxel at exactly the margin must not be lost to rounding.
TOLERANCE_MM = 1e-4


def distance_mm(source: NDArray[np.bool_], spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Euclidean distance of every voxel centre to the nearest centre of a source voxel; infinite without a source.

    Parameters
    ----------
    source
        Mask of shape (x, y, z).
    spacing_mm
        Voxel size along the three axes.

    Returns
    -------
    Distances in mm, of the shape of ``source``.
    """
    from scipy.ndimage import distance_transform_edt

    if not source.any():
        return np.full(source.shape, np.inf)
    return np.asarray(distance_transform_edt(~source, sampling=tuple(spacing_mm)))


def geodesic_distance_mm(
    source: NDArray[np.bool_], allowed: NDArray[np.bool_], spacing_mm: Sequence[float], limit_mm: float
) -> NDArray[np.float64]:
    """Length of the shortest path from a source voxel to every voxel, through allowed voxels only.

    Shortest paths on the graph of moves up to two voxels along each axis (98 directions; Borgefors, Comput Vis Graph
    Image Process 34, 1986: chamfer distances), found by scipy's Dijkstra. A move is there only if every voxel that it
    crosses is allowed and, where it runs through a corner, steps through faces lead past it. So no path slips through a
    barrier one voxel thick, not even one whose voxels share just corners. Moves in few directions make paths a few per
    cent too long; the same graph without barriers says by how much, so what is returned is the Euclidean distance plus
    the detour. Where no barrier is in the way that is the Euclidean distance itself; around an edge it is right to
    about one voxel.

    Parameters
    ----------
    source
        Voxels at distance zero, shape (x, y, z); those that are not allowed do not count.
    allowed
        Voxels that paths may use, same shape.
    spacing_mm
        Voxel size along the three axes.
    limit_mm
        Distances above this are not needed and may come out as infinite.

    Returns
    -------
    Distances in mm, shape (x, y, z), infinite where no path of at most the limit leads.
    """
    source = source & allowed
    out = np.full(source.shape, np.inf)
    if not source.any():
        return out
    straight = distance_mm(source, spacing_mm)
    # Chamfer paths without barriers stray from the straight line by less than the longest move.
    near = straight <= limit_mm + 2 * max(spacing_mm) + TOLERANCE_MM
    around = _path_lengths(source, near & allowed, spacing_mm, 1.1 * limit_mm + max(spacing_mm))
    free = _path_lengths(source, near, spacing_mm, np.inf)
    reached = np.isfinite(around)
    out[reached] = straight[reached] + np.maximum(0.0, around[reached] - free[reached])
    return out


def _path_lengths(
    source: NDArray[np.bool_], allowed: NDArray[np.bool_], spacing_mm: Sequence[float], limit_mm: float
) -> NDArray[np.float64]:
    """Shortest paths on the graph of moves; infinite beyond the limit or where there is none."""
    from scipy.ndimage import binary_erosion
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    # The inside of the source would only make the graph larger: a move of two voxels that starts there passes another
    # voxel of the source on its way.
    inside = binary_erosion(source, np.ones((3, 3, 3)))
    nodes = allowed & ~inside
    number = np.full(allowed.shape, -1, np.int32)
    number[nodes] = np.arange(np.count_nonzero(nodes), dtype=np.int32)
    begins, ends, lengths = [], [], []
    for move in _MOVES:
        here, there = _shifted(allowed.shape, move)
        possible = nodes[here] & nodes[there] & _passable(allowed, here, move)
        first = number[here][possible]
        begins.append(first)
        ends.append(number[there][possible])
        step_mm = float(np.linalg.norm(np.multiply(move, spacing_mm)))
        lengths.append(np.full(first.size, step_mm, np.float64))
    count = int(number.max()) + 1
    graph = coo_array(
        (np.concatenate(lengths), (np.concatenate(begins), np.concatenate(ends))), shape=(count, count)
    ).tocsr()
    starts = number[source & nodes]
    found = dijkstra(graph, directed=False, indices=starts, limit=limit_mm, min_only=True)
    out = np.full(allowed.shape, np.inf)
    out[nodes] = found
    out[source] = 0.0
    return out


def _coprime(move: tuple[int, ...]) -> bool:
    return int(np.gcd.reduce(move)) == 1


#: One of each pair of opposite moves: the first step that is not zero is positive.
_MOVES = tuple(m for m in product((-2, -1, 0, 1, 2), repeat=3) if m > (0, 0, 0) and _coprime(m))


def _passable(allowed: NDArray[np.bool_], here: tuple[slice, ...], move: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether a move is possible from each voxel of a box: see ``geodesic_distance_mm``."""

    def at(voxel: tuple[int, ...]) -> NDArray[np.bool_]:
        parts = (slice(part.start + step, part.stop + step) for part, step in zip(here, voxel, strict=True))
        return allowed[tuple(parts)]

    # Voxels that steps through faces lead to, from the start on. What the line crosses the inside of cannot be stepped
    # past; at an edge or corner there is more than one way.
    reached: dict[tuple[int, ...], NDArray[np.bool_]] = {(0, 0, 0): at((0, 0, 0))}
    signs = [int(np.sign(step)) for step in move]
    for voxel in sorted(_touched(move), key=lambda v: sum(abs(step) for step in v)):
        before = [
            tuple(step - sign * (axis == back) for axis, (step, sign) in enumerate(zip(voxel, signs, strict=True)))
            for back in range(3)
            if voxel[back]
        ]
        sources = [reached[other] for other in before if other in reached]
        reached[voxel] = at(voxel) & np.logical_or.reduce(sources)
    return reached[move]


def _touched(move: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Voxels that the straight line of a move touches, be it at an edge or corner; the start is left out."""
    touched = []
    for voxel in product(*(range(min(0, step), max(0, step) + 1) for step in move)):
        if voxel == (0, 0, 0):
            continue
        enter, leave = 0.0, 1.0
        for at, step in zip(voxel, move, strict=True):
            if step:
                low, high = sorted(((at - 0.5) / step, (at + 0.5) / step))
                enter, leave = max(enter, low), min(leave, high)
        if enter <= leave + 1e-9:
            touched.append(voxel)
    return touched


def _shifted(shape: Sequence[int], move: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Boxes of the voxels that a move starts from and of those that it ends at."""
    here = tuple(slice(max(0, -step), size - max(0, step)) for step, size in zip(move, shape, strict=True))
    there = tuple(slice(max(0, step), size - max(0, -step)) for step, size in zip(move, shape, strict=True))
    # An axis shorter than the move has no such pair.
    return tuple(slice(s.start, max(s.start, s.stop)) for s in here), tuple(
        slice(s.start, max(s.start, s.stop)) for s in there
    )
