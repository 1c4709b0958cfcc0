from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.curvature import _raise_curvature, measured_hessian
from gliofit.invert.expansion import ExpansionObjective
from gliofit.invert.problem import ConcentrationObservation, Problem, SegmentationObservation
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.solver.accurate import AccurateSolver

TRUTH = Theta((6.3, -4.2, 3.1), 7.0, 3.0)
SETTINGS = InvertSettings(methods={"gauss-newton": {"inverter": "gauss-newton"}})
ERRORS = np.array([0.1, 0.1, 0.1, 0.01, 0.005])


def test_without_residuals_it_is_that_of_gauss_newton(mixed):
    observation = ConcentrationObservation(AccurateSolver().solve(mixed, TRUTH).volume, mixed)
    objective = ExpansionObjective(Problem.create(observation, SETTINGS), Trace(SPACE), AccurateSolver(), 4.0)
    theta = TRUTH.to_array()
    units = np.array([1.0, 1.0, 1.0, theta[3], theta[4]])
    model = objective.expand(theta).hessian * np.outer(units, units)
    measured = measured_hessian(objective, theta, ERRORS)
    scale = np.sqrt(np.outer(np.diag(model), np.diag(model)))
    np.testing.assert_allclose(measured / scale, model / scale, atol=0.03)


def test_a_segmentation_bends_less_than_gauss_newton_says(mixed):
    """Second differences of the loss itself agree with the measured Hessian, and lie below the model's."""
    c = AccurateSolver().solve(mixed, TRUTH).concentration
    rough = c + 0.08 * np.sin(np.arange(c.size).reshape(c.shape) * 0.7)
    labels = np.select([(rough > 0.6) & (c > 0.05), (rough > 0.33) & (c > 0.05)], [TumourLabel.ENHANCING, 2], 0)
    observation = SegmentationObservation(Volume(labels.astype(np.uint8), mixed.grid), mixed, SETTINGS.imaging)
    problem = Problem.create(observation, SETTINGS)
    theta = fit(problem, "gauss-newton", SETTINGS).theta.to_array()
    objective = ExpansionObjective(problem, Trace(SPACE), AccurateSolver(), 4.0)
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


def test_no_direction_is_flatter_than_a_share_of_the_model():
    model = np.diag([4.0, 1.0, 1.0, 2.0, 3.0])
    measured = np.diag([2.0, -1.0, 1.5, 0.0, 3.0])
    np.testing.assert_allclose(_raise_curvature(measured, model), np.diag([2.0, 0.05, 1.5, 0.1, 3.0]), atol=1e-6)
