from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.run import fit
from gliofit.invert.trace import trace_columns
from gliofit.observation.observation import SegmentationObservation

from .fakes import TRUTH, FakeDirect, FakeSurrogate, blob_volume, configured, distance_mm, segmented

NEAR = Theta((12.0, -9.0, 2.0), 12.0, 3.0)
SURROGATE_METHODS = ("cmaes-surrogate", "gradient-surrogate", "hybrid")


@pytest.fixture
def segmentation(cube) -> SegmentationObservation:
    return SegmentationObservation(segmented(blob_volume(cube, TRUTH)), cube)


@pytest.mark.parametrize("name", SURROGATE_METHODS)
def test_recovers_theta(name, make_problem):
    keys = {"tolerance": 1e-5} if name == "cmaes-surrogate" else {}
    inversion = fit(make_problem(NEAR), name, configured(name, **keys))
    assert inversion.status == "ok", inversion.message
    assert distance_mm(inversion.theta, TRUTH) < (0.5 if name == "cmaes-surrogate" else 0.1)
    assert inversion.theta.mu_d_mm == pytest.approx(TRUTH.mu_d_mm, rel=0.03)
    assert inversion.theta.mu_rho == pytest.approx(TRUTH.mu_rho, rel=0.03)
    assert inversion.evaluations == len(inversion.trace)
    assert list(inversion.trace.columns) == trace_columns(SPACE)
    assert inversion.loss == pytest.approx(inversion.trace["loss"].min())


def test_direct_returns_the_prediction_of_the_network(make_problem):
    problem = make_problem(NEAR)
    inversion = fit(problem, "direct", configured("direct"))
    assert inversion.theta.to_array() == pytest.approx(NEAR.to_array(), abs=1e-4)
    assert np.isnan(inversion.loss)
    seen = problem.networks["direct"].seen
    assert seen.concentration.shape == (1, 16, 16, 16)
    assert seen.tissue.shape == (1, 3, 16, 16, 16)


@pytest.mark.parametrize("name", SURROGATE_METHODS)
def test_raw_scaling_searches_the_papers_variables(name, make_problem):
    inversion = fit(make_problem(NEAR), name, configured(name, raw_scaling=True))
    assert inversion.status in ("ok", "not-converged")
    start = inversion.trace.iloc[0]
    if name == "gradient-surrogate":
        assert start[["mu_d_mm", "mu_rho"]].tolist() == pytest.approx([12.8, 3.8])
    if name == "cmaes-surrogate":
        # One step size of 0.3 for all: hardly anything in mu_D, most of the box in the origin.
        first = inversion.trace.iloc[:8]
        assert first["mu_d_mm"].std() < 1
        assert first["origin_x_mm"].std() > 15
    bounds = make_problem().bounds
    thetas = inversion.trace[list(SPACE.columns)].to_numpy()
    assert (thetas >= bounds.lower - 1e-6).all()
    assert (thetas <= bounds.upper + 1e-6).all()


@pytest.mark.parametrize(("name", "keys"), [*product(SURROGATE_METHODS, [{}, {"raw_scaling": True}]), ("direct", {})])
def test_fixed_origin_never_moves(name, keys, make_problem):
    problem = make_problem(NEAR)
    inversion = fit(problem, name, configured(name, origin="com-fixed", **keys))
    centre = problem.observation.centre_mm
    assert inversion.theta.origin_mm == pytest.approx(tuple(centre), abs=0)
    origins = inversion.trace[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy()
    assert (origins == centre).all()


def test_estimates_stay_in_the_training_range(make_problem):
    problem = make_problem(NEAR)
    problem.networks["surrogate"].theta_high = torch.tensor([40.0, 40.0, 40.0, 7.0, 10.0])
    inside = fit(problem, "gradient-surrogate", configured("gradient-surrogate"))
    assert inside.theta.mu_d_mm <= 7
    anywhere = fit(problem, "gradient-surrogate", configured("gradient-surrogate", training_range=False))
    assert anywhere.theta.mu_d_mm == pytest.approx(TRUTH.mu_d_mm, rel=0.03)


def test_hybrid_refines_the_direct_estimate(make_problem):
    inversion = fit(make_problem(NEAR), "hybrid", configured("hybrid"))
    assert inversion.extra["chosen"] == "gradient"
    assert inversion.extra["loss_gradient"] == inversion.loss < inversion.extra["loss_direct"]
    assert inversion.other.to_array() == pytest.approx(NEAR.to_array(), abs=1e-4)


def test_hybrid_chooses_a_direct_estimate_outside_the_training_range(make_problem):
    # The training range forbids the true mu_D, so descent ends up worse than the direct network.
    problem = make_problem(TRUTH)
    problem.networks["surrogate"].theta_high = torch.tensor([40.0, 40.0, 40.0, 5.0, 10.0])
    inversion = fit(problem, "hybrid", configured("hybrid"))
    assert inversion.extra["chosen"] == "direct"
    assert inversion.loss == inversion.extra["loss_direct"] < inversion.extra["loss_gradient"]
    assert inversion.theta.to_array() == pytest.approx(TRUTH.to_array(), abs=1e-4)
    assert inversion.other.mu_d_mm <= 5


def test_number_of_evaluations_limits_a_search(make_problem):
    inversion = fit(make_problem(), "cmaes-surrogate", configured("cmaes-surrogate", evaluations=30))
    assert inversion.status == "not-converged"
    assert inversion.evaluations == 30  # six starting points and three generations of eight
    assert "budget" in inversion.message
    steps = fit(make_problem(), "gradient-surrogate", configured("gradient-surrogate", outer_steps=1, inner_steps=2))
    assert steps.status == "not-converged"


@pytest.mark.parametrize("bad", ["nan", "raise"])
@pytest.mark.parametrize("name", [*SURROGATE_METHODS, "direct"])
def test_failure_is_an_outcome(bad, name, make_problem, monkeypatch):
    problem = make_problem(NEAR)

    def broken(self, *inputs):
        if bad == "raise":
            raise RuntimeError("out of memory")
        return torch.full((1, 5) if name == "direct" else (len(inputs[1]), 16, 16, 16), np.nan) + 0 * inputs[1].sum()

    monkeypatch.setattr(FakeDirect if name == "direct" else FakeSurrogate, "__call__", broken)
    inversion = fit(problem, name, configured(name))
    assert inversion.status == "failed"
    assert inversion.theta is None
    assert np.isnan(inversion.loss)
    assert inversion.message


@pytest.mark.parametrize("name", SURROGATE_METHODS)
def test_segmentation_is_fitted_through_the_imaging_model(name, segmentation, make_problem):
    inversion = fit(make_problem(NEAR, segmentation), name, configured(name))
    assert inversion.status == "ok"
    assert inversion.loss < 0.25
    assert distance_mm(inversion.theta, TRUTH) < 3
    # The product sets where the front is; at 8 mm the two factors are hardly seen apart.
    front = inversion.theta.mu_d_mm * inversion.theta.mu_rho
    assert front == pytest.approx(TRUTH.mu_d_mm * TRUTH.mu_rho, rel=0.15)


def test_direct_reads_a_pseudo_concentration(segmentation, make_problem):
    problem = make_problem(NEAR, segmentation)
    fit(problem, "direct", configured("direct"))
    seen = problem.networks["direct"].seen.concentration
    assert 0.6 < float(seen.max()) <= 1
