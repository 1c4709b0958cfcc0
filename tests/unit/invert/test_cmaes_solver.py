from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.invert.solver_objective import SolverObjective, distance_to_tissue_mm
from gliofit.invert.trace import Trace
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings

from .fakes import configured, cube_brain, distance_mm, invert, overlap, segmented

TRUTH = Theta((6.0, -4.0, 3.0), 7.0, 3.0)

INTEGRATOR = AccurateSettings(tolerance=0.01, backend="numba")


@pytest.fixture(scope="module")
def white() -> Tissue:
    """A ball of white matter, 5 mm voxels."""
    grid = cube_brain(26, 5.0).grid
    index = np.stack(np.meshgrid(*(np.arange(26),) * 3, indexing="ij"), axis=-1)
    ball = np.linalg.norm(grid.voxel_to_world(index), axis=-1) < 55
    return Tissue(ball, np.zeros_like(ball), ~ball, grid)


@pytest.fixture(scope="module")
def grown(white) -> Volume:
    return make_solver(INTEGRATOR).solve(white, TRUTH).volume


def solver_settings(**keys) -> InvertSettings:
    schedule = [{"spacing_mm": 5, "evaluations": 300}, {"spacing_mm": 5, "evaluations": 80}]
    return configured("cmaes-solver", **{"integrator": INTEGRATOR.model_dump(), "schedule": schedule} | keys)


def test_recovers_theta_of_a_concentration(white, grown):
    inversion = invert(ConcentrationObservation(grown, white), solver_settings(), seed=1)
    assert distance_mm(inversion.theta, TRUTH) < 1
    assert inversion.theta.mu_d_mm == pytest.approx(TRUTH.mu_d_mm, rel=0.05)
    assert inversion.theta.mu_rho == pytest.approx(TRUTH.mu_rho, rel=0.03)
    first, last = (inversion.trace[inversion.trace["level"] == name] for name in ("1: 5 mm", "2: 5 mm"))
    assert len(first) + len(last) == inversion.evaluations
    # The last level begins with the best few of the one before, and the estimate is the best of the last.
    assert last["mu_d_mm"].iloc[:5].tolist() == first.nsmallest(5, "loss")["mu_d_mm"].tolist()
    assert inversion.loss == last["loss"].min()


def test_fits_a_segmentation(white, grown):
    inversion = invert(SegmentationObservation(segmented(grown), white), solver_settings(), seed=1)
    assert inversion.loss < 0.15
    field = make_solver(INTEGRATOR).solve(white, inversion.theta).concentration > 0.33
    assert overlap(field, grown.data > 0.33) > 0.9


@pytest.mark.parametrize("raw", [False, True])
def test_fixed_origin_never_moves(raw, white, grown):
    settings = solver_settings(origin="com-fixed", raw_scaling=raw, schedule=[{"spacing_mm": 5, "evaluations": 24}])
    observation = ConcentrationObservation(grown, white)
    assert invert(observation, settings, seed=1).theta.origin_mm == tuple(observation.centre_mm)


def test_loss_of_a_seed_outside_tissue_increases_with_its_distance(white, grown):
    problem = Problem(ConcentrationObservation(grown, white), solver_settings())
    objective = SolverObjective(problem, Trace(SPACE), make_solver(INTEGRATOR), 5.0)
    far = [np.array([x, 0.0, 0.0, 10.0, 3.2]) for x in (65.0, 80.0, 300.0)]
    filled = np.array([0.0, 0.0, 0.0, 40.0, 15.0])
    losses = objective.losses(np.array([TRUTH.to_array(), filled, *far]))
    assert np.isfinite(losses).all()
    assert (np.diff(losses) > 0).all()


def test_distance_to_tissue(white):
    inside, _ = distance_to_tissue_mm(white.mask, white.grid, (2.5, 2.5, 2.5))
    assert inside == 0
    outside, nearest = distance_to_tissue_mm(white.mask, white.grid, (100.0, 2.5, 2.5))
    assert outside == pytest.approx(47.5)
    assert nearest == pytest.approx([52.5, 2.5, 2.5])
