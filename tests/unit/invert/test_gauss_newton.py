from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gliofit.core.crop import Crop
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.expansion import ExpansionObjective
from gliofit.invert.levenberg_marquardt import descend
from gliofit.invert.networks import Networks
from gliofit.invert.problem import ConcentrationObservation, Problem, SegmentationObservation
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.pipeline.config import load_config
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.settings import AccurateSettings

from .fakes import CROP, FakeDirect

TRUTH = Theta((6.3, -4.2, 3.1), 7.0, 3.0)
SETTINGS = InvertSettings(methods={"gauss-newton": {"inverter": "gauss-newton"}})


def observe(tissue: Tissue, theta: Theta) -> ConcentrationObservation:
    return ConcentrationObservation(AccurateSolver().solve(tissue, theta).volume, tissue)


def segment(tissue: Tissue, theta: Theta) -> SegmentationObservation:
    c = AccurateSolver().solve(tissue, theta).concentration
    labels = np.select([c > 0.6, c > 0.33], [TumourLabel.ENHANCING, TumourLabel.OEDEMA], 0).astype(np.uint8)
    return SegmentationObservation(Volume(labels, tissue.grid), tissue)


def distance_mm(one: Theta, two: Theta) -> float:
    return float(np.linalg.norm(np.subtract(one.origin_mm, two.origin_mm)))


@pytest.mark.parametrize(
    "truth",
    [
        TRUTH,
        Theta((-20.0, 18.0, -9.0), 3.0, 5.0),
        Theta((0.0, -30.0, 5.0), 14.0, 2.2),
        Theta((-4.0, 2.0, 6.0), 5.0, 4.0),  # beside the ventricle
        Theta((15.0, 10.0, -12.0), 2.0, 7.5),  # a front much thinner than a voxel
    ],
)
def test_recovers_theta_of_a_concentration(mixed, truth):
    problem = Problem.create(observe(mixed, truth), SETTINGS)
    inversion = fit(problem, "gauss-newton", SETTINGS)
    assert inversion.status == "ok", inversion.message
    assert inversion.loss < 1e-9
    assert distance_mm(inversion.theta, truth) < 0.1
    assert inversion.theta.mu_d_mm == pytest.approx(truth.mu_d_mm, rel=0.01)
    assert inversion.theta.mu_rho == pytest.approx(truth.mu_rho, rel=0.005)
    # The six runs that make the starts have no loss.
    assert inversion.evaluations == len(inversion.trace) + 6 < 80


def test_recovers_theta_of_a_segmentation(mixed):
    """Within what thresholds leave open; the regions agree."""
    observation = segment(mixed, TRUTH)
    inversion = fit(Problem.create(observation, SETTINGS), "gauss-newton", SETTINGS)
    assert distance_mm(inversion.theta, TRUTH) < 3
    c = AccurateSolver().solve(mixed, inversion.theta).concentration
    for mask, threshold in ((observation.masks.whole, 0.33), (observation.masks.core, 0.6)):
        found = c > threshold
        assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.95


@pytest.mark.parametrize("kind", [observe, segment])
def test_expansion_is_that_of_the_loss(mixed, kind):
    """Gradient against differences of the loss; the Hessian too, where the misfit is nearly zero."""
    problem = Problem.create(kind(mixed, TRUTH), SETTINGS)
    tight = AccurateSolver(AccurateSettings(tolerance=1e-5, precision="float64"))
    objective = ExpansionObjective(problem, Trace(SPACE), tight, 4.0, 0.15)
    theta = TRUTH.to_array() + np.array([1.0, -0.7, 0.5, 0.4, -0.1])
    expansion = objective.expand(theta)
    for index, step in enumerate((0.05, 0.05, 0.05, 0.02, 0.005)):
        shift = np.zeros(5)
        shift[index] = step
        high, low = (objective.expand(theta + sign * shift).loss for sign in (1, -1))
        assert expansion.gradient[index] == pytest.approx((high - low) / (2 * step), rel=0.02)
    assert (np.linalg.eigvalsh(expansion.hessian) > 0).all()
    at_truth = objective.expand(TRUTH.to_array())
    if kind is observe:
        shift = np.array([0.2, 0.1, -0.2, 0.05, 0.02])
        predicted = 0.5 * shift @ at_truth.hessian @ shift
        assert objective.expand(TRUTH.to_array() + shift).loss == pytest.approx(predicted, rel=0.1)


def test_loss_is_that_over_the_whole_grid(mixed):
    """Losses are those of the case's own grid, so that methods can be compared."""
    problem = Problem.create(observe(mixed, TRUTH), SETTINGS)
    objective = ExpansionObjective(problem, Trace(SPACE), AccurateSolver(), 4.0)
    other = Theta((2.0, 0.0, 3.0), 8.0, 2.8)
    c = AccurateSolver().solve(mixed, other).concentration
    visible = problem.observation.visible
    misfit = np.where(visible, c - problem.observation.concentration.data, 0)
    assert objective.expand(other.to_array()).loss == pytest.approx(float((misfit**2).mean()), rel=0.02)


def rough(tissue: Tissue) -> SegmentationObservation:
    """Return a segmentation with contours that no tumour of the model follows."""
    c = AccurateSolver().solve(tissue, TRUTH).concentration
    noise = gaussian_filter(np.random.default_rng(0).normal(size=c.shape), 1.0)
    c = np.where(c > 0.02, c + 0.2 * noise / noise.std(), 0)
    labels = np.select([c > 0.6, c > 0.33], [TumourLabel.ENHANCING, TumourLabel.OEDEMA], 0).astype(np.uint8)
    return SegmentationObservation(Volume(labels, tissue.grid), tissue)


def test_secants_reach_a_minimum_with_large_residuals_sooner(mixed, monkeypatch):
    problem = Problem.create(rough(mixed), SETTINGS)
    start = TRUTH.to_array() + np.array([4.0, -4.0, 2.0, 2.0, -0.3])

    def end(large_residuals: bool) -> tuple[float, int]:
        objective = ExpansionObjective(problem, Trace(SPACE), AccurateSolver(), 4.0)
        monkeypatch.setattr(type(objective.likelihood), "large_residuals", large_residuals)
        descent = descend(objective, objective.expand(start), problem.bounds, 100, np.ones(5, bool), 1e-6)
        assert descent.reason == "minimum"
        return descent.best.loss, len(objective.trace)

    (corrected, few), (plain, many) = end(True), end(False)
    assert corrected <= plain * (1 + 1e-5)
    assert few <= 0.5 * many


def test_held_origin_and_bounds(mixed):
    settings = InvertSettings(
        methods={"fixed": {"inverter": "gauss-newton", "origin": "com-fixed"}},
        bounds={"mu_d_mm": (0.1, 5.0)},
    )
    problem = Problem.create(observe(mixed, TRUTH), settings)
    inversion = fit(problem, "fixed", settings)
    np.testing.assert_allclose(inversion.theta.origin_mm, problem.observation.centre_mm)
    assert inversion.theta.mu_d_mm == pytest.approx(5.0)
    assert (inversion.trace["mu_d_mm"] <= 5.0 + 1e-9).all()


def test_survives_another_solver_and_noise(mixed):
    """Targets of the explicit scheme with noise: theta is near and the fit as good as the noise allows."""
    field = ReferenceSolver().solve(mixed, TRUTH).concentration
    noisy = np.clip(field + np.random.default_rng(0).normal(0, 0.02, field.shape), 0, 1) * (field > 1e-3)
    observation = ConcentrationObservation(Volume(noisy.astype(np.float32), mixed.grid), mixed)
    inversion = fit(Problem.create(observation, SETTINGS), "gauss-newton", SETTINGS)
    assert distance_mm(inversion.theta, TRUTH) < 0.5
    assert inversion.theta.mu_d_mm == pytest.approx(TRUTH.mu_d_mm, rel=0.1)
    assert inversion.theta.mu_rho == pytest.approx(TRUTH.mu_rho, rel=0.05)


def test_starts_have_the_observed_volume(mixed):
    """Every start's tumour has the volume of the observation before any descent."""
    problem = Problem.create(observe(mixed, TRUTH), SETTINGS)
    inversion = fit(problem, "gauss-newton", SETTINGS)
    starts = [Theta.from_array(row) for row in inversion.trace.iloc[:4, 2:7].to_numpy()]
    for theta in starts:
        volume = AccurateSolver().solve(mixed, theta).volume_mm3
        assert volume == pytest.approx(problem.observation.volume_mm3, rel=0.03)


def test_a_retry_finds_the_other_side_of_a_wall(mixed):
    """From the wrong side of a thin wall descents end in a poor minimum; moved origins lead out of it."""
    wall = (np.abs(mixed.grid.voxel_to_world(np.argwhere(mixed.mask))[:, 0]) < 2.5).nonzero()[0]
    inside = mixed.mask.copy()
    inside[tuple(np.argwhere(mixed.mask)[wall].T)] = False
    inside[:, :8] = mixed.mask[:, :8]
    tissue = Tissue(mixed.wm * inside, mixed.gm * inside, ~inside, mixed.grid)
    truth = Theta((6.0, 0.0, 12.0), 6.0, 3.5)
    observation = observe(tissue, truth)
    start = Theta((-6.0, 0.0, 12.0), 6.0, 3.5)
    ends = []
    for retries in (0, 6):
        level = {"spacing_mm": 4.0, "evaluations": 12, "retries": retries, "retry_mm": 12.0}
        settings = InvertSettings(
            methods={"a": {"inverter": "direct"}, "b": {"inverter": "gauss-newton", "refines": "a", "levels": [level]}}
        )
        ends.append(fit(Problem.create(observation, settings, start=start), "b", settings))
    stuck, freed = ends
    assert stuck.loss > 1e-6
    assert freed.loss < 1e-8
    assert distance_mm(freed.theta, truth) < 0.2


def test_refines_the_estimate_it_is_handed(mixed):
    """It starts there and nowhere else, on the first level."""
    settings = InvertSettings(
        methods={"rough": {"inverter": "direct"}, "fine": {"inverter": "gauss-newton", "refines": "rough"}}
    )
    start = Theta((9.0, -2.0, 0.0), 9.0, 2.6)
    problem = Problem.create(observe(mixed, TRUTH), settings, start=start)
    inversion = fit(problem, "fine", settings)
    first = inversion.trace.iloc[0]
    np.testing.assert_allclose(first[["origin_x_mm", "mu_d_mm", "mu_rho"]].to_numpy(dtype=float), [9.0, 9.0, 2.6])
    assert inversion.evaluations == len(inversion.trace) < 20
    assert inversion.loss < 1e-9 < first["loss"]


def test_nothing_to_refine_is_a_failed_row(mixed):
    settings = InvertSettings(
        methods={"rough": {"inverter": "direct"}, "fine": {"inverter": "gauss-newton", "refines": "rough"}}
    )
    inversion = fit(Problem.create(observe(mixed, TRUTH), settings), "fine", settings)
    assert inversion.status == "failed"
    assert inversion.message == "'rough' has no estimate to refine"


def test_refined_methods_must_exist_and_not_go_round():
    """In a whole configuration; a job's section holds its own method alone, and that is no mistake."""
    alone = {"a": {"inverter": "gauss-newton", "refines": "b"}}
    assert InvertSettings(methods=alone).refines("a") == "b"
    with pytest.raises(InputError) as error:
        load_config({"cohorts": ["synthetic"], "invert": {"methods": alone}})
    assert (error.value.code, error.value.subject) == ("unknown-reference", "config key 'invert.methods.a.refines'")
    both = alone | {"b": {"inverter": "gauss-newton", "refines": "a"}}
    with pytest.raises(InputError, match="a refines itself"):
        load_config({"cohorts": ["synthetic"], "invert": {"methods": both}})


def test_fitted_thresholds_find_those_the_segmentation_was_drawn_at(mixed):
    """Contours at 0.2 and 0.75 in place of 0.33 and 0.6, with theta known to within an interval."""
    c = AccurateSolver().solve(mixed, TRUTH).concentration
    labels = np.select([c > 0.75, c > 0.2], [TumourLabel.ENHANCING, TumourLabel.OEDEMA], 0).astype(np.uint8)
    segmentation = Volume(labels, mixed.grid)
    losses = []
    for fitted in (False, True):
        settings = InvertSettings(
            methods={"gauss-newton": {"inverter": "gauss-newton"}}, imaging={"fit_thresholds": fitted}
        )
        observation = SegmentationObservation(segmentation, mixed, settings.imaging)
        inversion = fit(Problem.create(observation, settings), "gauss-newton", settings)
        losses.append(inversion.loss)
    assert 0.05 <= inversion.extra["threshold_whole"] <= 0.5
    assert 0.5 <= inversion.extra["threshold_core"] <= 0.85
    assert losses[1] < losses[0]


@pytest.mark.parametrize("fitted", [False, True])
def test_terms_of_a_segmentation_are_its_derivatives(mixed, fitted):
    """The slope is exact with fitted thresholds too; one that sits within its range takes curvature away."""
    imaging = {"fit_thresholds": fitted, "width": 0.15}
    settings = InvertSettings(methods={"gauss-newton": {"inverter": "gauss-newton"}}, imaging=imaging)
    observation = segment(mixed, TRUTH)
    observation = SegmentationObservation(observation._segmentation, mixed, settings.imaging)
    objective = ExpansionObjective(Problem.create(observation, settings), Trace(SPACE), AccurateSolver(), 4.0)
    theta = TRUTH.to_array() + np.array([1.0, -0.7, 0.5, 0.4, -0.05])
    expansion = objective.expand(theta)
    floating = [term.floats for term in objective.likelihood.terms(objective.prediction(expansion))]
    assert any(floating) == fitted
    for index, step in enumerate((0.1, 0.1, 0.1, 0.04, 0.01)):
        shift = np.zeros(5)
        shift[index] = step
        high, low = (objective.expand(theta + sign * shift).loss for sign in (1, -1))
        assert expansion.gradient[index] == pytest.approx((high - low) / (2 * step), rel=0.05, abs=1e-4)
    if not fitted:
        # With fitted thresholds they sum to it but for the stretch of the imaging model, which moves with them.
        parts = objective.scores(expansion).sum((1, 2, 3))
        np.testing.assert_allclose(parts, expansion.gradient, rtol=2e-2, atol=2e-4)


def test_a_start_far_from_tissue_goes_to_the_nearest(mixed):
    settings = InvertSettings(
        methods={"rough": {"inverter": "direct"}, "fine": {"inverter": "gauss-newton", "refines": "rough"}}
    )
    truth = Theta((40.0, 0.0, 5.0), 6.0, 3.0)
    problem = Problem.create(observe(mixed, truth), settings, start=Theta((75.0, 1.0, 5.0), 6.0, 3.0))
    inversion = fit(problem, "fine", settings)
    assert inversion.status != "failed", inversion.message
    first = inversion.trace.iloc[0]
    origin = first[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy(dtype=float)
    voxel = np.rint(mixed.grid.world_to_voxel(origin)).astype(int)
    assert mixed.mask[tuple(voxel)]
    assert inversion.loss < 0.3 * first["loss"]


def test_the_direct_estimate_is_one_more_start(mixed):
    settings = InvertSettings(
        methods={
            name: {"inverter": "gauss-newton", "direct": direct, "start_widths_mm": [10.0]}
            for name, direct in (("without", None), ("with", "direct-inverse"))
        }
    )
    observation = observe(mixed, TRUTH)
    guess = Theta((6.0, -4.0, 3.0), 7.2, 2.9)
    centre = Crop.around(mixed.grid, observation.centre_mm, CROP).centre_mm
    problem = Problem.create(observation, settings, Networks(None, FakeDirect(guess, centre)))
    first = fit(problem, "with", settings).trace.iloc[0]
    assert first[["origin_x_mm", "mu_d_mm", "mu_rho"]].tolist() == pytest.approx([6.0, 7.2, 2.9], abs=1e-4)
    assert settings.networks_of("with") == {"direct": "direct-inverse"}
    assert settings.networks_of("without") == {}
