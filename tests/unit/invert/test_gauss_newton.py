from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gliofit.core.crop import Crop
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.expansion import ExpansionObjective
from gliofit.invert.levenberg_marquardt import descend
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation
from gliofit.pipeline.config import load_config
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.settings import AccurateSettings

from .fakes import CROP, FakeDirect, configured, distance_mm, grow, invert, observe, overlap, segment, segmented

TRUTH = Theta((6.3, -4.2, 3.1), 7.0, 3.0)
SETTINGS = configured("gauss-newton")
REFINE = InvertSettings(
    methods={"rough": {"inverter": "direct"}, "fine": {"inverter": "gauss-newton", "refines": "rough"}}
)


def objective_of(observation, solver: AccurateSolver | None = None, width: float | None = None) -> ExpansionObjective:
    return ExpansionObjective(Problem(observation, SETTINGS), Trace(SPACE), solver or AccurateSolver(), 4.0, width)


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
    observation = observe(mixed, truth)
    inversion = invert(observation, SETTINGS)
    assert inversion.status == "ok", inversion.message
    assert inversion.loss < 1e-9
    assert distance_mm(inversion.theta, truth) < 0.1
    assert inversion.theta.mu_d_mm == pytest.approx(truth.mu_d_mm, rel=0.01)
    assert inversion.theta.mu_rho == pytest.approx(truth.mu_rho, rel=0.005)
    # The six runs that make the starts have no loss.
    assert inversion.evaluations == len(inversion.trace) + 6 < 80
    if truth is TRUTH:
        # Every start's tumour has the volume of the observation before any descent.
        for row in inversion.trace.iloc[:4, 2:7].to_numpy():
            volume = AccurateSolver().solve(mixed, Theta.from_array(row)).volume_mm3
            assert volume == pytest.approx(observation.volume_mm3, rel=0.03)


def test_recovers_theta_of_a_segmentation(mixed):
    """Within what thresholds leave open; the regions agree."""
    observation = segment(mixed, TRUTH)
    inversion = invert(observation, SETTINGS)
    assert distance_mm(inversion.theta, TRUTH) < 3
    c = grow(mixed, inversion.theta).data
    assert overlap(c > 0.33, observation.masks.whole) > 0.95
    assert overlap(c > 0.6, observation.masks.core) > 0.95


@pytest.mark.parametrize("kind", ["concentration", "segmentation", "fitted thresholds"])
def test_expansion_is_that_of_the_loss(mixed, kind):
    """Gradient against differences of the loss; the Hessian too, where the misfit is nearly zero."""
    fitted = kind == "fitted thresholds"
    imaging = SETTINGS.imaging.model_copy(update={"fit_thresholds": fitted})
    observation = observe(mixed, TRUTH) if kind == "concentration" else segment(mixed, TRUTH, imaging)
    tight = AccurateSolver(AccurateSettings(tolerance=1e-5, precision="float64"))
    objective = objective_of(observation, tight, 0.15)
    theta = TRUTH.to_array() + np.array([1.0, -0.7, 0.5, 0.4, -0.1])
    expansion = objective.expand(theta)
    assert any(term.floats for term in objective.likelihood.terms(objective.prediction(expansion.c))) == fitted
    for shift in np.diag([0.05, 0.05, 0.05, 0.02, 0.005]):
        high, low = (objective.expand(theta + sign * shift).loss for sign in (1, -1))
        gradient = expansion.gradient[shift > 0]
        assert gradient == pytest.approx((high - low) / (2 * shift.sum()), rel=0.05 if fitted else 0.02)
    if not fitted:
        assert (np.linalg.eigvalsh(expansion.hessian) > 0).all()
        # With fitted thresholds they sum to it but for the stretch of the imaging model, which moves with them.
        parts = objective.scores(expansion).sum((1, 2, 3))
        np.testing.assert_allclose(parts, expansion.gradient, rtol=2e-2, atol=2e-4)
    if kind == "concentration":
        shift = np.array([0.2, 0.1, -0.2, 0.05, 0.02])
        predicted = 0.5 * shift @ objective.expand(TRUTH.to_array()).hessian @ shift
        assert objective.expand(TRUTH.to_array() + shift).loss == pytest.approx(predicted, rel=0.1)


def test_loss_is_that_over_the_whole_grid(mixed):
    """Losses are those of the case's own grid, so that methods can be compared."""
    observation, other = observe(mixed, TRUTH), Theta((2.0, 0.0, 3.0), 8.0, 2.8)
    misfit = np.where(observation.visible, grow(mixed, other).data - observation.concentration.data, 0)
    loss = objective_of(observation).expand(other.to_array()).loss
    assert loss == pytest.approx(float((misfit**2).mean()), rel=0.02)


def rough(tissue: Tissue) -> SegmentationObservation:
    """Return a segmentation with contours that no tumour of the model follows."""
    field = grow(tissue, TRUTH)
    noise = gaussian_filter(np.random.default_rng(0).normal(size=field.data.shape), 1.0)
    c = np.where(field.data > 0.02, field.data + 0.2 * noise / noise.std(), 0)
    return SegmentationObservation(segmented(Volume(c, field.grid)), tissue)


def test_secants_reach_a_minimum_with_large_residuals_sooner(mixed, monkeypatch):
    observation = rough(mixed)
    start = TRUTH.to_array() + np.array([4.0, -4.0, 2.0, 2.0, -0.3])

    def end(large_residuals: bool) -> tuple[float, int]:
        objective = objective_of(observation)
        monkeypatch.setattr(type(objective.likelihood), "large_residuals", large_residuals)
        bounds = Problem(observation, SETTINGS).bounds
        descent = descend(objective, objective.expand(start), bounds, 100, np.ones(5, bool), 1e-6)
        assert descent.reason == "minimum"
        return descent.best.loss, len(objective.trace)

    (corrected, few), (plain, many) = end(True), end(False)
    assert corrected <= plain * (1 + 1e-5)
    assert few <= 0.5 * many


def test_held_origin_and_bounds(mixed):
    fixed = {"inverter": "gauss-newton", "origin": "com-fixed"}
    settings = InvertSettings(methods={"fixed": fixed}, bounds={"mu_d_mm": (0.1, 5.0)})
    observation = observe(mixed, TRUTH)
    inversion = invert(observation, settings)
    np.testing.assert_allclose(inversion.theta.origin_mm, observation.centre_mm)
    assert inversion.theta.mu_d_mm == pytest.approx(5.0)
    assert (inversion.trace["mu_d_mm"] <= 5.0 + 1e-9).all()


def test_survives_another_solver_and_noise(mixed):
    """Targets of the explicit scheme with noise: theta is near and the fit as good as the noise allows."""
    field = ReferenceSolver().solve(mixed, TRUTH).concentration
    noisy = np.clip(field + np.random.default_rng(0).normal(0, 0.02, field.shape), 0, 1) * (field > 1e-3)
    inversion = invert(ConcentrationObservation(Volume(noisy.astype(np.float32), mixed.grid), mixed), SETTINGS)
    assert distance_mm(inversion.theta, TRUTH) < 0.5
    assert inversion.theta.mu_d_mm == pytest.approx(TRUTH.mu_d_mm, rel=0.1)
    assert inversion.theta.mu_rho == pytest.approx(TRUTH.mu_rho, rel=0.05)


def test_a_retry_finds_the_other_side_of_a_wall(mixed):
    """From the wrong side of a thin wall descents end in a poor minimum; moved origins lead out of it."""
    voxels = np.argwhere(mixed.mask)
    wall = voxels[np.abs(mixed.grid.voxel_to_world(voxels)[:, 0]) < 2.5]
    inside = mixed.mask.copy()
    inside[tuple(wall.T)] = False
    inside[:, :8] = mixed.mask[:, :8]
    tissue = Tissue(mixed.wm * inside, mixed.gm * inside, ~inside, mixed.grid)
    truth, start = (Theta((x, 0.0, 12.0), 6.0, 3.5) for x in (6.0, -6.0))
    observation, ends = observe(tissue, truth), []
    for retries in (0, 6):
        level = {"spacing_mm": 4.0, "evaluations": 12, "retries": retries, "retry_mm": 12.0}
        methods = REFINE.model_dump()["methods"]
        settings = InvertSettings(methods=methods | {"fine": methods["fine"] | {"levels": [level]}})
        ends.append(invert(observation, settings, start=start))
    stuck, freed = ends
    assert stuck.loss > 1e-6
    assert freed.loss < 1e-8
    assert distance_mm(freed.theta, truth) < 0.2


def test_refines_the_estimate_it_is_handed(mixed):
    """It starts there and nowhere else, on the first level."""
    inversion = invert(observe(mixed, TRUTH), REFINE, start=Theta((9.0, -2.0, 0.0), 9.0, 2.6))
    first = inversion.trace.iloc[0]
    np.testing.assert_allclose(first[["origin_x_mm", "mu_d_mm", "mu_rho"]].to_numpy(dtype=float), [9.0, 9.0, 2.6])
    assert inversion.evaluations == len(inversion.trace) < 20
    assert inversion.loss < 1e-9 < first["loss"]


def test_nothing_to_refine_is_a_failed_row(mixed):
    inversion = invert(observe(mixed, TRUTH), REFINE)
    assert (inversion.status, inversion.message) == ("failed", "'rough' has no estimate to refine")


def test_refined_methods_must_exist_and_not_go_round():
    """In a whole configuration; a job's section holds its own method alone, and that is no mistake."""
    alone = {"a": {"inverter": "gauss-newton", "refines": "b"}}
    assert InvertSettings(methods=alone).methods["a"].refined == "b"
    with pytest.raises(InputError) as error:
        load_config({"cohorts": ["synthetic"], "invert": {"methods": alone}})
    assert (error.value.code, error.value.subject) == ("unknown-reference", "config key 'invert.methods.a.refines'")
    both = alone | {"b": {"inverter": "gauss-newton", "refines": "a"}}
    with pytest.raises(InputError, match="a refines itself"):
        load_config({"cohorts": ["synthetic"], "invert": {"methods": both}})


def test_fitted_thresholds_find_those_the_segmentation_was_drawn_at(mixed):
    """Contours at 0.2 and 0.75 in place of 0.33 and 0.6, with theta known to within an interval."""
    segmentation, ends = segmented(grow(mixed, TRUTH), whole=0.2, core=0.75), []
    for fitted in (False, True):
        settings = InvertSettings.model_validate(SETTINGS.model_dump() | {"imaging": {"fit_thresholds": fitted}})
        ends.append(invert(SegmentationObservation(segmentation, mixed, settings.imaging), settings))
    fixed, fitted = ends
    assert 0.05 <= fitted.extra["threshold_whole"] <= 0.5
    assert 0.5 <= fitted.extra["threshold_core"] <= 0.85
    assert fitted.loss < fixed.loss


def test_a_start_far_from_tissue_goes_to_the_nearest(mixed):
    truth, start = (Theta((x, y, 5.0), 6.0, 3.0) for x, y in ((40.0, 0.0), (75.0, 1.0)))
    inversion = invert(observe(mixed, truth), REFINE, start=start)
    assert inversion.status != "failed", inversion.message
    first = inversion.trace.iloc[0]
    origin = first[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy(dtype=float)
    assert mixed.mask[tuple(np.rint(mixed.grid.world_to_voxel(origin)).astype(int))]
    assert inversion.loss < 0.3 * first["loss"]


def test_the_direct_estimate_is_one_more_start(mixed):
    settings = configured("gauss-newton", direct="direct-inverse", start_widths_mm=[10.0])
    observation, guess = observe(mixed, TRUTH), Theta((6.0, -4.0, 3.0), 7.2, 2.9)
    centre = Crop.around(mixed.grid, observation.centre_mm, CROP).centre_mm
    first = invert(observation, settings, networks=Networks(None, FakeDirect(guess, centre))).trace.iloc[0]
    assert first[["origin_x_mm", "mu_d_mm", "mu_rho"]].tolist() == pytest.approx([6.0, 7.2, 2.9], abs=1e-4)
    assert settings.methods["gauss-newton"].networks == {"direct": "direct-inverse"}
    assert SETTINGS.methods["gauss-newton"].networks == {}
