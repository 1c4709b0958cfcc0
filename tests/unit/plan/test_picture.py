"""Slices and orientation of the pictures of plans."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from gliofit.core.grid import Grid, Volume
from gliofit.core.labels import TumourLabel
from gliofit.plan.picture import PlanView, draw_plans, slices_of_difference


def grid_of(codes: str) -> Grid:
    affine = np.diag([*(-2.0 if code in "LPI" else 2.0 for code in codes), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, 19.5)
    return Grid((40, 40, 40), affine)


def mask_of(grid: Grid, *boxes: tuple[tuple[int, int], ...]) -> Volume:
    data = np.zeros(grid.shape, bool)
    for box in boxes:
        data[tuple(slice(*ends) for ends in box)] = True
    return Volume(data, grid)


def test_slices_of_the_largest_difference():
    grid = grid_of("RAS")
    common = ((10, 30), (10, 30), (10, 30))
    clinical = mask_of(grid, common, ((31, 33), (12, 20), (14, 15)))
    personalised = mask_of(grid, common, ((5, 7), (18, 19), (11, 15)))
    # 16 voxels of the first and 8 of the second; the first has most in each direction but shares z = 14.
    assert slices_of_difference(clinical, personalised) == (31, 18, 14)
    assert slices_of_difference(clinical, clinical)[2] == 14
    empty = Volume(np.zeros(grid.shape, bool), grid)
    assert slices_of_difference(empty, empty) == (20, 20, 20)


@pytest.mark.parametrize("codes", ["RAS", "LPS"])
def test_right_and_front_are_on_the_left(tmp_path, codes, drawn):
    """The image is bright on the patient's right, and brighter in front."""
    grid = grid_of(codes)
    world = grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    head = np.linalg.norm(world, axis=-1) < 36
    image = Volume(np.where(head, 10.0 + 60 * (world[..., 0] > 0) + 30 * (world[..., 1] > 0), 0), grid)
    seg = Volume(np.where(np.linalg.norm(world, axis=-1) < 6, TumourLabel.ENHANCING, 0).astype(np.uint8), grid)
    near = [Volume(np.linalg.norm(world - [x, 0, 0], axis=-1) < 9, grid) for x in (-1, 1)]
    for name in ("one", "two"):
        draw_plans([PlanView("Method", *near)] * 2, image, seg, tmp_path, name, "case", dpi=60)
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    picture = imread(tmp_path / "one.png")[..., :3].mean(axis=2)
    # The panels are the dark columns.
    dark = (picture < 0.02).mean(axis=0) > 0.1
    edges = np.flatnonzero(np.diff(np.concatenate([[0], dark.astype(int), [0]])))
    panels = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 10]
    left, right = min(a for a, _ in panels), max(b for _, b in panels)
    width = (right - left) / 3
    for panel in range(3):
        middle = left + (panel + 0.5) * width
        parts = [picture[:, int(middle + a * width) : int(middle + b * width)] for a, b in ((-0.35, -0.1), (0.1, 0.35))]
        inside = [part[(part > 0.02) & (part < 0.98)] for part in parts]
        assert np.median(inside[0]) > 1.1 * np.median(inside[1])
