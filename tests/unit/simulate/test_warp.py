"""Randomly warped brains are brains, and warped as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.tissue import Tissue
from gliofit.simulate.settings import WarpSettings
from gliofit.simulate.warp import integrate_velocity, random_velocity, warp_tissue

SETTINGS = WarpSettings(count=1)


def total(tissue: Tissue) -> np.ndarray:
    return tissue.wm + tissue.gm + tissue.csf


@pytest.fixture(scope="module")
def brain(brain):
    """The ball with as much room around it as an atlas has."""
    return brain.extract([-6] * 3, [52] * 3)


@pytest.fixture(scope="module")
def warped(brain):
    return warp_tissue(brain, SETTINGS, 3)


def test_nothing_moves_without_amplitude_and_scaling(brain):
    same = warp_tissue(brain, WarpSettings(amplitude_mm=0, scale=0), 3)
    for name in ("wm", "gm", "csf"):
        np.testing.assert_array_equal(getattr(same, name), getattr(brain, name))
    assert same.grid.matches(brain.grid)


def test_same_seed_same_bytes_and_other_seeds_other_brains(brain, warped):
    again = warp_tissue(brain, SETTINGS, 3)
    assert (again.wm.tobytes(), again.gm.tobytes()) == (warped.wm.tobytes(), warped.gm.tobytes())
    for other in (warp_tissue(brain, SETTINGS, 4), brain):
        assert np.abs(other.wm - warped.wm).mean() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_warped_brains_are_plausible(brain, seed):
    tissue = warp_tissue(brain, SETTINGS, seed)
    for name in ("wm", "gm", "csf"):
        data = getattr(tissue, name)
        assert data.dtype == np.float32
        assert 0 <= data.min()
        assert data.max() <= 1
    assert total(tissue).max() <= 1 + 1e-6
    assert tissue.grid.matches(brain.grid)
    factor = total(tissue).sum() / total(brain).sum()
    # Two standard deviations on each axis, and what the smooth part adds.
    assert np.exp(-6 * SETTINGS.scale) * 0.9 < factor < np.exp(6 * SETTINGS.scale) * 1.1
    # No part of the brain is lost: white matter, in its middle, keeps about its share.
    assert tissue.wm.sum() / total(tissue).sum() == pytest.approx(brain.wm.sum() / total(brain).sum(), abs=0.08)


def test_the_velocity_is_as_asked_for(brain):
    inside = total(brain) >= 0.5
    smooth = random_velocity(brain.grid, inside, WarpSettings(amplitude_mm=6, smoothness_mm=20, scale=0), 1)
    np.testing.assert_allclose(smooth[:, inside].mean(axis=1), 0, atol=1e-3)
    assert np.sqrt((smooth[:, inside] ** 2).sum(axis=0).mean()) == pytest.approx(6, rel=1e-3)
    scaling = random_velocity(brain.grid, inside, WarpSettings(amplitude_mm=0, scale=0.1), 1)
    centre = [n // 2 for n in brain.grid.shape]
    np.testing.assert_allclose(scaling[(slice(None), *centre)], 0, atol=0.1 * 2 * 2.1)
    # Linear in each coordinate and independent of the others.
    np.testing.assert_allclose(np.diff(scaling[0], 2, axis=0), 0, atol=1e-4)
    np.testing.assert_array_equal(scaling[1], np.broadcast_to(scaling[1][:1, :, :1], scaling[1].shape))


def test_scaling_and_squaring_gives_the_exponential():
    n, spacing = 30, 2.0
    x = (np.arange(n) - (n - 1) / 2) * spacing
    velocity = np.zeros((3, n, n, n), np.float32)
    velocity[0] = 5.0
    velocity[1] = 0.2 * x[None, :, None]
    u = integrate_velocity(velocity, spacing, 6)
    np.testing.assert_allclose(u[0], 5, atol=1e-4)
    inner = slice(6, -6)
    expected = (np.exp(0.2) - 1) * x[None, inner, None]
    np.testing.assert_allclose(u[1][:, inner], np.broadcast_to(expected, u[1][:, inner].shape), atol=0.03)


def test_structures_move_along_the_velocity(brain):
    """A ball of white matter ends where a point at its centre does."""
    world = brain.grid.voxel_to_world(np.stack(np.indices(brain.grid.shape), axis=-1))
    start = np.array([18.0, -26.0, 10.0])
    ball = np.linalg.norm(world - start, axis=-1) <= 12
    everything = total(brain)
    marked = Tissue(ball, everything - ball, np.zeros_like(everything), brain.grid)
    settings = WarpSettings(amplitude_mm=10, smoothness_mm=40, scale=0.1)
    velocity = random_velocity(brain.grid, everything >= 0.5, settings, 5)
    displacement = integrate_velocity(velocity, 4.0, settings.steps)
    expected = (start + displacement[:, ball].mean(axis=1)) - start
    tissue = warp_tissue(marked, settings, 5)
    weights = tissue.wm.astype(float)
    moved = (world * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum() - world[ball].mean(axis=0)
    assert np.linalg.norm(expected) > 4
    np.testing.assert_allclose(moved, expected, atol=1.0)


def test_folding_is_an_error(brain):
    with pytest.raises(ValueError, match=r"lower amplitude_mm or raise smoothness_mm"):
        warp_tissue(brain, WarpSettings(amplitude_mm=40, smoothness_mm=6, steps=2), 0)
