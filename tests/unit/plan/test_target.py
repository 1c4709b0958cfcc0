"""Clinical and personalised targets of simple shapes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.labels import TumourLabel
from gliofit.plan.target import bridge_gaps, clinical_target, gross_tumour, personalised_target

from .conftest import radius_mm


def grid_of(shape=(61, 61, 61), spacing=(1.0, 1.0, 1.0)) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    return Grid(shape, affine)


def ball(grid: Grid, radius: float, centre=(0.0, 0.0, 0.0)) -> np.ndarray:
    return radius_mm(grid, centre) <= radius


def segmentation(grid: Grid, core: np.ndarray, oedema: np.ndarray | None = None) -> Volume:
    labels = np.select([core, core if oedema is None else oedema], [TumourLabel.ENHANCING, TumourLabel.OEDEMA])
    return Volume(labels.astype(np.uint8), grid)


def everywhere(grid: Grid) -> Volume:
    return Volume(np.ones(grid.shape, bool), grid)


@pytest.mark.parametrize(("shape", "spacing"), [((61, 61, 61), (1, 1, 1)), ((101, 61, 31), (0.6, 1.0, 2.0))])
def test_sphere_grows_by_the_margin(shape, spacing):
    grid = grid_of(shape, spacing)
    target = clinical_target(segmentation(grid, ball(grid, 10.5)), everywhere(grid), 15.0)
    volume = 4 / 3 * np.pi * 25.5**3
    # Half a voxel more or less all over the surface.
    assert abs(target.volume_mm3 - volume) < 4 * np.pi * 25.5**2 * 0.5 * max(spacing)
    radius = radius_mm(grid, (0, 0, 0))
    assert target.mask.data[radius < 25.5 - 1.2 * max(spacing)].all()
    assert not target.mask.data[radius > 25.5 + 1e-3].any()


def test_margin_of_zero_gives_the_region():
    grid = grid_of((31, 31, 31))
    core, oedema = ball(grid, 5), ball(grid, 9)
    seg = segmentation(grid, core, oedema)
    np.testing.assert_array_equal(clinical_target(seg, everywhere(grid), 0.0).mask.data, core)
    np.testing.assert_array_equal(clinical_target(seg, everywhere(grid), 0.0, region="whole").mask.data, oedema)
    seg.data[15, 15, 15] = TumourLabel.NECROTIC
    np.testing.assert_array_equal(gross_tumour(seg), core)


@pytest.mark.parametrize("wall", [False, True])
def test_larger_margins_contain_smaller_ones(wall):
    grid = grid_of((41, 41, 41))
    brain = Volume(ball(grid, 18), grid)
    barriers = Volume(np.indices(grid.shape)[0] == 24, grid) if wall else None
    seg = segmentation(grid, ball(grid, 3))
    masks = [clinical_target(seg, brain, m, barriers).mask.data for m in (0, 2, 4.5, 5, 9, 14)]
    for small, large in pairwise(masks):
        assert not (small & ~large).any()
        assert large.sum() > small.sum()
    assert not (masks[-1] & ~brain.data).any()


def test_paths_go_around_a_wall():
    grid = grid_of((51, 51, 21))
    i, j, _ = np.indices(grid.shape)
    wall = (i == 30) & (j < 35)
    seg = segmentation(grid, ball(grid, 2))
    free = clinical_target(seg, everywhere(grid), 15.0).mask.data
    mask = clinical_target(seg, everywhere(grid), 15.0, Volume(wall, grid)).mask.data
    assert not (mask & ~free).any()
    assert not (mask & wall).any()
    # Straight behind the wall: 10 mm from the core in a straight line, 20 mm around the edge.
    assert free[36, 25, 10]
    assert not mask[36, 25, 10]
    # Around the edge, the distance is below the margin.
    assert mask[32, 35, 10]
    in_front = (i < 30) & free
    np.testing.assert_array_equal(mask[in_front], free[in_front])


def test_paths_stay_inside_the_brain():
    grid = grid_of((41, 31, 31))
    i, j, _ = np.indices(grid.shape)
    brain = Volume(np.abs(j - 15) < 8, grid)
    wall = Volume((i == 24) & brain.data, grid)
    mask = clinical_target(segmentation(grid, ball(grid, 3)), brain, 20.0, wall).mask.data
    assert not mask[25:].any()


def test_core_voxels_outside_the_brain_are_excluded_with_a_note():
    grid = grid_of((31, 31, 31))
    brain = Volume(np.indices(grid.shape)[0] >= 15, grid)
    core = ball(grid, 4)
    target = clinical_target(segmentation(grid, core), brain, 3.0)
    assert not target.mask.data[:15].any()
    outside = int((core & ~brain.data).sum())
    assert target.notes == (f"{outside} voxels of the tumour core outside the brain left out",)


@pytest.mark.parametrize("voxels", [1, 100, 5000])
def test_volume_to_one_voxel(voxels):
    grid = grid_of((31, 31, 31), (1.0, 0.5, 2.0))
    field = Volume(np.random.default_rng(1).random(grid.shape).astype(np.float32), grid)
    target = personalised_target(field, voxels * grid.voxel_volume_mm3, everywhere(grid))
    assert target.mask.data.sum() == voxels
    assert field.data[target.mask.data].min() == pytest.approx(target.level)
    assert field.data[~target.mask.data].max() <= target.level


def test_ties_are_ordered_by_distance():
    """Flat inside and zero outside: the rest of the volume is a rim of even width."""
    grid = grid_of((41, 41, 41))
    field = Volume(np.where(ball(grid, 6), np.float32(1), np.float32(0)), grid)
    volume = 4 / 3 * np.pi * 10**3
    first, again = (personalised_target(field, volume, everywhere(grid)) for _ in range(2))
    np.testing.assert_array_equal(first.mask.data, again.mask.data)
    assert first.mask.data.sum() == round(volume)
    radius = radius_mm(grid, (0, 0, 0))
    assert radius[first.mask.data].max() < 10.8
    assert radius[~first.mask.data].min() > 9.4
    assert first.level == 0
    added = round(volume) - int(ball(grid, 6).sum())
    assert first.notes[0].startswith(f"{added} voxels without tumour cells taken by distance")


def test_tumour_without_cells_in_the_map():
    grid = grid_of((41, 41, 41))
    field = Volume(np.exp(-radius_mm(grid, (-8, 0, 0)) / 5).astype(np.float32), grid)
    core = ball(grid, 3, (12, 0, 0))
    with_core = personalised_target(field, 2000.0, everywhere(grid), keep=core).mask.data
    without = personalised_target(field, 2000.0, everywhere(grid)).mask.data
    assert with_core.sum() == without.sum() == 2000
    assert with_core[core].all()
    assert not without[core].any()
    # The other voxels are those of highest concentration.
    assert field.data[with_core & ~core].min() >= field.data[~with_core & ~core].max()


def test_impossible_volumes():
    grid = grid_of((11, 11, 11))
    field = Volume(np.zeros(grid.shape, np.float32), grid)
    with pytest.raises(InputError):
        personalised_target(field, 5.0, everywhere(grid), keep=ball(grid, 3))
    with pytest.raises(InputError):
        personalised_target(field, 1332.0, everywhere(grid))
    assert personalised_target(field, 1331.0, everywhere(grid)).mask.data.all()


def test_narrow_gaps_are_filled_and_wide_ones_are_not():
    grid = grid_of((41, 41, 41))
    concentration = np.exp(-radius_mm(grid, (0, 0, 0)) / 5).astype(np.float32)
    concentration[23:27] = 0  # a sulcus of four voxels
    concentration[:10] = 0  # a ventricle
    volume = Volume(concentration, grid)
    filled = bridge_gaps(volume, everywhere(grid), 3.0).data
    assert (filled[22:28, 20, 20] > 0).all()
    assert filled[23, 20, 20] == concentration[22, 20, 20]
    assert filled[26, 20, 20] == concentration[27, 20, 20]
    assert filled[7, 20, 20] == concentration[10, 20, 20]
    assert filled[6, 20, 20] == 0
    assert (filled == concentration)[concentration > 0].all()
    assert personalised_target(Volume(filled, grid), 4000.0, everywhere(grid)).mask.data[23:27, 20, 20].all()
    assert not personalised_target(volume, 4000.0, everywhere(grid)).mask.data[23:27, 20, 20].any()
