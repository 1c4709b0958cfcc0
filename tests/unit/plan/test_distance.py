"""Distances around barriers, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.plan import distance
from gliofit.plan.distance import distance_mm, geodesic_distance_mm


def test_euclidean_distance_without_barriers():
    source = np.zeros((21, 23, 19), bool)
    source[9:12, 10:13, 8:12] = True
    spacing = (1.0, 0.8, 2.0)
    straight = distance_mm(source, spacing)
    around = geodesic_distance_mm(source, np.ones(source.shape, bool), spacing, 9.0)
    near = straight <= 9
    np.testing.assert_allclose(around[near], straight[near], atol=1e-9)


def test_distances_around_the_edge_of_a_wall():
    """A wall one voxel thick below y = 36: paths behind it bend around its two edges, at y = 35.5."""
    source = np.zeros((45, 60, 5), bool)
    source[15, 30, 2] = True
    wall = np.zeros(source.shape, bool)
    wall[22, :36, :] = True
    distances = geodesic_distance_mm(source, ~wall, (1, 1, 1), 25.0)

    def around(i: int, j: int) -> float:
        return np.hypot(21.5 - 15, 35.5 - 30) + 1 + np.hypot(i - 22.5, j - 35.5)

    for i, j in [(23, 34), (24, 30), (28, 33), (30, 28), (26, 26)]:
        straight = np.hypot(i - 15, j - 30)
        assert around(i, j) > straight + 1, "the point must lie in the wall's shadow"
        assert distances[i, j, 2] == pytest.approx(around(i, j), abs=1.0)
    # No barrier in the straight line.
    assert distances[24, 44, 2] == pytest.approx(np.hypot(9, 14))
    assert np.isinf(distances[22, 30, 2])


@pytest.mark.parametrize("thin", ["plane", "diagonal", "corners"])
def test_no_path_crosses_a_closed_wall_of_one_voxel(thin):
    source = np.zeros((20, 20, 20), bool)
    source[4, 4, 4] = True
    i, j, k = np.indices(source.shape)
    # Voxels of the last two share only edges, or corners.
    height = {"plane": i - 10, "diagonal": i + j - 19, "corners": i + j + k - 28}[thin]
    distances = geodesic_distance_mm(source, height != 0, (1, 1, 1), 60.0)
    np.testing.assert_array_equal(np.isinf(distances), height >= 0)


def test_anisotropic_voxels():
    source = np.zeros((11, 11, 11), bool)
    source[5, 5, 5] = True
    wall = np.zeros(source.shape, bool)
    wall[7, :, :9] = True
    distances = geodesic_distance_mm(source, ~wall, (1.0, 1.0, 3.0), 60.0)
    # Up by 12 mm (four voxels) past the wall, and down again; the wall ends 10.5 mm up.
    assert distances[9, 5, 5] == pytest.approx(2 * np.hypot(1.5, 10.5) + 1, abs=3.0)
    assert distances[5, 5, 9] == pytest.approx(12)
    assert distances[2, 5, 5] == pytest.approx(3)


def test_solid_source_equals_its_surface():
    source = np.zeros((25, 25, 25), bool)
    source[7:18, 7:18, 7:18] = True
    shell = source.copy()
    shell[8:17, 8:17, 8:17] = False
    allowed = np.ones(source.shape, bool)
    allowed[20, :14] = False
    solid, hollow = (geodesic_distance_mm(start, allowed, (1, 1, 1), 10.0) for start in (source, shell))
    np.testing.assert_allclose(solid[~source], hollow[~source])
    assert (solid[source] == 0).all()


@pytest.mark.parametrize("move", distance._MOVES)
def test_each_crossed_voxel_blocks_a_move(move):
    """Voxels whose interior the line crosses block it; edges can be passed on more than one side."""
    start = np.array([2, 2, 2])
    free = np.ones((5, 5, 5), bool)
    assert distance._passable(free, move).all()
    line = np.outer(np.linspace(0, 1, 400), move)
    crossed = {tuple(v) for v in np.rint(line[(np.abs(line - np.rint(line)) < 0.499).all(axis=1)]).astype(int)}
    assert {(0, 0, 0), move} <= crossed
    for voxel in crossed:
        blocked = free.copy()
        blocked[tuple(start + voxel)] = False
        assert not distance._passable(blocked, move).any()
