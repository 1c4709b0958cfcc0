"""Every growth model: exact tangents on every back end, and parameters recovered from a tumour that it grew."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model, growth_model_names, growth_of
from gliofit.growth.theta import Theta
from gliofit.invert.problem import Problem
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import ConcentrationObservation
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings

from .brains import check_tangents

#: Values of further parameters.
FURTHER = {
    "fisher-kolmogorov-grey": [0.23],
    "fisher-kolmogorov-two-origins": [-14.0, -34.0, 44.0, 0.4],
    "fisher-kolmogorov-three-origins": [20.0, 2.0, 36.0, 0.25, -14.0, -34.0, 44.0, 0.4],
    "fisher-kolmogorov-four-origins": [20.0, 2.0, 36.0, 0.25, -14.0, -34.0, 44.0, 0.4, -6.0, 10.0, 50.0, 0.7],
}


def theta_of(model: str) -> Theta:
    """A tumour whose front crosses from white into grey matter."""
    space = find_growth_model(model).space
    return Theta.from_array([3.0, -20.0, 40.0, 9.0, 3.0, *FURTHER.get(model, [])], space)


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("model", growth_model_names())
def test_tangents_are_those_of_central_differences(model: str, backend: str, brain: Tissue) -> None:
    solver = AccurateSolver(AccurateSettings(precision="float64", backend=backend, tolerance=1e-2))
    check_tangents(solver, brain, theta_of(model), 2e-6, 2e-8)


def test_the_grey_share_of_the_paper_gives_the_paper_model(brain: Tissue) -> None:
    solver = AccurateSolver(AccurateSettings(precision="float64"))
    grey = find_growth_model("fisher-kolmogorov-grey").space
    values = [3.0, -20.0, 40.0, 9.0, 3.0]
    one = solver.solve(brain, Theta.from_array(values))
    other = solver.solve(brain, Theta.from_array([*values, 0.1], grey))
    assert np.array_equal(one.concentration, other.concentration)
    denser = solver.solve(brain, Theta.from_array([*values, 0.5], grey))
    assert denser.volume_mm3 > 1.05 * one.volume_mm3


def test_a_batch_may_mix_grey_shares(brain: Tissue) -> None:
    solver = AccurateSolver(AccurateSettings(precision="float64"))
    grey = find_growth_model("fisher-kolmogorov-grey").space
    thetas = [Theta.from_array([3.0, -20.0, 40.0, 9.0, 3.0, share], grey) for share in (0.05, 0.5)]
    for theta, solution in zip(thetas, solver.solve_batch(brain, thetas), strict=True):
        assert np.array_equal(solution.concentration, solver.solve(brain, theta).concentration)
        assert growth_of(theta).grey_share == theta.grey_share


@pytest.mark.parametrize("model", growth_model_names())
def test_gauss_newton_recovers_every_parameter(model: str, brain: Tissue) -> None:
    truth = theta_of(model)
    grown = AccurateSolver().solve(brain, truth).volume
    settings = InvertSettings(methods={"gn": {"inverter": "gauss-newton", "growth_model": model}})
    problem = Problem(ConcentrationObservation(grown, brain, "target"), settings, model=model)
    inversion = fit(problem, "gn", settings)
    assert inversion.theta is not None
    assert inversion.theta.space is truth.space
    assert inversion.uncertainty is not None
    error = truth.space.to_coordinates(inversion.theta.to_array()) - truth.space.to_coordinates(truth.to_array())
    assert np.abs(error[truth.space.is_position]).max() < 0.02
    assert np.abs(error[~truth.space.is_position]).max() < 0.002
    assert (np.diag(inversion.uncertainty.covariance) > 0).all()


def test_methods_bound_to_the_paper_model_refuse_others() -> None:
    for inverter in ("direct", "gradient-surrogate", "hybrid", "gliodil", "lmi", "static-field"):
        with pytest.raises(ValueError, match="growth_model"):
            InvertSettings(methods={"m": {"inverter": inverter, "growth_model": "fisher-kolmogorov-grey"}})
    with pytest.raises(ValueError, match="growth_model"):
        InvertSettings(methods={"m": {"inverter": "gauss-newton", "growth_model": "nonsense"}})
