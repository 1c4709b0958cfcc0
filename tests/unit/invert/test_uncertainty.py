from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.expansion import ExpansionObjective
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.invert.uncertainty import _block_sums, _raise_curvature, measured_hessian
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation
from gliofit.solver.accurate import AccurateSolver

from .fakes import configured, grow, invert, observe

TRUTH = Theta((6.3, -4.2, 3.1), 7.0, 3.0)
INVERT = configured("gauss-newton")
# Start at the truth: the minimum is tested, not the descent.
AT_TRUTH = InvertSettings(
    methods={"truth": {"inverter": "gauss-newton"}, "gauss-newton": {"inverter": "gauss-newton", "refines": "truth"}}
)


def fit_from_truth(tissue: Tissue, theta: Theta, noise: np.ndarray):
    values = (grow(tissue, theta).data + noise).astype(np.float32)
    return invert(ConcentrationObservation(Volume(values, tissue.grid), tissue, noisy=True), AT_TRUTH, start=theta)


def test_intervals_cover_the_truth_as_often_as_they_say(mixed):
    """50 tumours with 5 % white noise: 90 % intervals cover 85 to 95 % of the 250 parameters."""
    inside, scores = [], []
    for number in range(50):
        rng = np.random.default_rng(number)
        x, y, z = rng.uniform(-18, 18, 3)
        theta = Theta((x + 20, y, z), rng.uniform(3, 12), rng.uniform(2, 4))
        inversion = fit_from_truth(mixed, theta, rng.normal(0, 0.05, mixed.grid.shape))
        low, high = inversion.uncertainty.interval(inversion.theta, 0.9)
        truth = theta.to_array()
        inside.append((low <= truth) & (truth <= high))
        off = inversion.theta.to_array() - truth
        off[3:] = np.log(inversion.theta.to_array()[3:] / truth[3:])
        scores.append(off / inversion.uncertainty.standard_errors)
    assert 0.85 <= np.mean(inside) <= 0.95
    # Neither end is left out more often than the other.
    assert abs(np.mean(scores)) < 0.2
    assert 0.8 < np.std(scores) < 1.15


def test_correlated_residuals_widen_intervals(mixed):
    """Noise in lumps of three voxels says less than as much white noise: errors are larger, and so are intervals."""
    from scipy import ndimage

    errors, spread = [], []
    for number in range(20):
        rng = np.random.default_rng(number)
        lumps = ndimage.gaussian_filter(rng.normal(0, 1, mixed.grid.shape), 1.0)
        noise = 0.05 * lumps / lumps.std()
        inversion = fit_from_truth(mixed, TRUTH, noise)
        errors.append(inversion.theta.to_array() - TRUTH.to_array())
        spread.append(inversion.uncertainty.standard_errors * np.array([1, 1, 1, TRUTH.mu_d_mm, TRUTH.mu_rho]))
    white = fit_from_truth(mixed, TRUTH, np.random.default_rng(0).normal(0, 0.05, mixed.grid.shape))
    ratio = np.mean(spread, 0) / np.std(errors, 0)
    assert (np.mean(spread, 0)[:3] > 1.5 * white.uncertainty.standard_errors[:3]).all()
    # Blocks of 8 mm see most of what lumps of 4 mm add, on average over the five.
    assert 0.6 < np.exp(np.mean(np.log(ratio))) < 1.5


def test_a_small_tumour_in_strong_noise_is_said_not_to_be_identifiable(mixed):
    """A seed that has all but spread out, in noise higher than what is left."""
    theta = Theta((6.3, -4.2, 3.1), 20.0, 1.0)
    inversion = fit_from_truth(mixed, theta, np.random.default_rng(2).normal(0, 0.2, mixed.grid.shape))
    assert "not identifiable: origin x" in inversion.message
    assert np.isfinite(inversion.uncertainty.standard_errors).all()


def test_a_component_at_its_bound_is_named_and_has_no_interval(mixed):
    bounded = InvertSettings(
        methods=AT_TRUTH.model_dump()["methods"], bounds={"mu_d_mm": (0.1, 5.0), "mu_rho": (0.1, 15.0)}
    )
    inversion = invert(observe(mixed, TRUTH), bounded, start=TRUTH)
    assert inversion.theta.mu_d_mm == pytest.approx(5.0)
    assert "mu_D is at its bound" in inversion.message
    assert inversion.uncertainty.standard_errors[3] == 0
    assert (inversion.uncertainty.standard_errors[[0, 1, 2, 4]] > 0).all()


def test_block_sums():
    scores = np.arange(2 * 5 * 4 * 3, dtype=np.float32).reshape(2, 5, 4, 3)
    sums = _block_sums(scores, 2)
    assert sums.shape == (2, 3 * 2 * 2)
    np.testing.assert_allclose(sums.sum(1), scores.sum((1, 2, 3)))
    assert sums[1, 0] == scores[1, :2, :2, :2].sum()


def test_measured_hessian_without_residuals_is_gauss_newtons(mixed):
    objective = ExpansionObjective(Problem(observe(mixed, TRUTH), INVERT), Trace(SPACE), AccurateSolver(), 4.0)
    theta = TRUTH.to_array()
    units = np.array([1.0, 1.0, 1.0, theta[3], theta[4]])
    model = objective.expand(theta).hessian * np.outer(units, units)
    measured = measured_hessian(objective, theta, np.array([0.1, 0.1, 0.1, 0.01, 0.005]))
    scale = np.sqrt(np.outer(np.diag(model), np.diag(model)))
    np.testing.assert_allclose(measured / scale, model / scale, atol=0.03)


def test_measured_hessian_of_a_segmentation_is_below_gauss_newtons(mixed):
    """Second differences of the loss itself agree with the measured Hessian, and lie below the model's."""
    c = grow(mixed, TRUTH).data
    rough = c + 0.08 * np.sin(np.arange(c.size).reshape(c.shape) * 0.7)
    labels = np.select([(rough > 0.6) & (c > 0.05), (rough > 0.33) & (c > 0.05)], [TumourLabel.ENHANCING, 2], 0)
    observation = SegmentationObservation(Volume(labels.astype(np.uint8), mixed.grid), mixed, INVERT.imaging)
    theta = invert(observation, INVERT).theta.to_array()
    objective = ExpansionObjective(Problem(observation, INVERT), Trace(SPACE), AccurateSolver(), 4.0)
    step = 1.0
    measured = measured_hessian(objective, theta, np.array([step, step, step, 0.05, 0.03]))
    model = objective.expand(theta).hessian
    middle = objective.expand(theta).loss
    for axis in range(3):
        shift = np.zeros(5)
        shift[axis] = step
        sides = sum(objective.expand(theta + sign * shift).loss for sign in (1, -1))
        assert measured[axis, axis] == pytest.approx((sides - 2 * middle) / step**2, rel=0.5)
    assert np.mean(np.diag(measured)[:3] / np.diag(model)[:3]) < 1
    assert (np.linalg.eigvalsh(measured) > 0).all()


def test_smallest_ratio_of_measured_to_model_curvature():
    model = np.diag([4.0, 1.0, 1.0, 2.0, 3.0])
    measured = np.diag([2.0, -1.0, 1.5, 0.0, 3.0])
    np.testing.assert_allclose(_raise_curvature(measured, model), np.diag([2.0, 0.05, 1.5, 0.1, 3.0]), atol=1e-6)
