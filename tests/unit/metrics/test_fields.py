"""Every metric against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.growth.theta import Theta
from gliofit.metrics.fields import FIELD_METRICS, VOLUME_MM3, compare_fields, field_errors
from gliofit.metrics.masks import dice, dice_of_fields, dice_with_mask
from gliofit.metrics.parameters import parameter_errors

NAN = float("nan")


def make_volume(data, spacing=1.0, flip=False):
    affine = np.diag([spacing, spacing, spacing, 1.0])
    if flip:
        affine[0, 0] *= -1
        affine[1, 1] *= -1
    return Volume(np.asarray(data, np.float32), Grid(np.shape(data), affine))


# (prediction, truth, voxel mm3, domain mm3, (mse, mae, mse / V, mae / V, ncc)), with V the truth's integral in mm3.
FIELD_CASES = {
    # Differences 0, 0.5 over 2 voxels of 1 mm3: 0.25 / 2, 0.5 / 2; V = 1. Two points correlate fully.
    "two voxels": ([1, 0.5], [1, 0], 1, 2, (0.125, 0.25, 0.125, 0.25, 1.0)),
    # The same voxels of 8 mm3 in a domain of 16 mm3: averages stay, V is 8.
    "larger voxels": ([1, 0.5], [1, 0], 8, 16, (0.125, 0.25, 0.015625, 0.03125, 1.0)),
    # Two voxels of background more: sums over 4. Deviations p: (.625, .125, -.375, -.375), t: (.75, -.25 x 3);
    # covariance .625, variances .6875 and .75.
    "background counts": ([1, 0.5], [1, 0], 1, 4, (0.0625, 0.125, 0.0625, 0.125, 0.625 / np.sqrt(0.6875 * 0.75))),
    "background given": ([1, 0.5, 0, 0], [1, 0, 0, 0], 1, 4, (0.0625, 0.125, 0.0625, 0.125, 0.870388279778)),
    "perfect": ([0.2, 0.8, 0], [0.2, 0.8, 0], 1, 10, (0, 0, 0, 0, 1.0)),
    "opposite": ([0, 1], [1, 0], 1, 2, (1, 1, 1, 1, -1.0)),
    "scale and offset do not matter to ncc": ([0.25, 0.45], [0.5, 0.9], 1, 2, (0.1325, 0.35, 0.1325 / 1.4, 0.25, 1.0)),
    # Nothing predicted: explains nothing.
    "empty prediction": ([0, 0], [1, 0], 1, 4, (0.25, 0.25, 0.25, 0.25, 0.0)),
    "constant prediction": ([0.5, 0.5], [1, 0], 1, 2, (0.25, 0.5, 0.25, 0.5, 0.0)),
    # No tumour to be right about.
    "empty truth": ([1, 0], [0, 0], 1, 4, (0.25, 0.25, NAN, NAN, NAN)),
    "constant truth": ([1, 0], [0.5, 0.5], 1, 2, (0.25, 0.5, 0.25, 0.5, NAN)),
    "both empty": ([0, 0], [0, 0], 1, 4, (0, 0, NAN, NAN, NAN)),
    "no voxels": ([], [], 1, 4, (0, 0, NAN, NAN, NAN)),
}


@pytest.mark.parametrize("name", FIELD_CASES)
def test_field_errors(name):
    prediction, truth, voxel, domain, expected = FIELD_CASES[name]
    found = field_errors(np.array(prediction, float), np.array(truth, float), voxel, domain)
    assert (found.mse, found.mae, found.mse_normalised, found.mae_normalised, found.ncc) == pytest.approx(
        expected, nan_ok=True, abs=1e-12
    )


def test_ncc_equals_the_plain_formula_over_the_padded_volume():
    rng = np.random.default_rng(0)
    p, t = rng.random((2, 6, 5, 4))
    padded_p, padded_t = np.zeros((2, 10, 9, 8))
    padded_p[2:8, 1:6, 3:7], padded_t[2:8, 1:6, 3:7] = p, t
    expected = np.corrcoef(padded_p.ravel(), padded_t.ravel())[0, 1]
    assert field_errors(p, t, 1.0, 720.0).ncc == pytest.approx(expected, rel=1e-12)


def test_domains_differ_by_the_ratio_of_their_volumes():
    truth = np.zeros((70, 70, 70), np.float32)
    truth[30:34, 30:34, 30:34] = 1
    prediction = np.zeros_like(truth)
    prediction[32:36, 30:34, 30:34] = 0.5
    mask = np.ones(truth.shape, bool)
    for spacing in (1.0, 2.0):
        scores = compare_fields(make_volume(prediction, spacing), make_volume(truth, spacing), mask)
        assert set(scores) == set(FIELD_METRICS)
        # 32 true voxels missed, 32 half hit, 32 too many at one half: (32 + 32 / 4 + 32 / 4) voxels.
        assert scores["mse_volume"] == pytest.approx(48 * spacing**3 / 8_928_000)
        assert scores["mae_volume"] == pytest.approx(64 * spacing**3 / 8_928_000)
        assert scores["mse_volume_normalised"] == pytest.approx(48 / 8_928_000 / 64)
        assert scores["mse_crop"] / scores["mse_volume"] == pytest.approx(VOLUME_MM3 / 128**3)
        assert VOLUME_MM3 / 128**3 == pytest.approx(4.257, abs=5e-4)
        assert scores["ncc_crop"] == pytest.approx(scores["ncc_volume"], abs=1e-2)


def test_fields_count_only_in_grey_and_white_matter():
    truth, prediction = np.zeros((2, 4, 4, 4), np.float32)
    truth[1, 1, 1] = truth[2, 2, 2] = 1
    prediction[1, 1, 1] = prediction[3, 3, 3] = 1
    mask = np.ones(truth.shape, bool)
    mask[2, 2, 2] = mask[3, 3, 3] = False
    scores = compare_fields(make_volume(prediction), make_volume(truth), mask)
    assert scores["mse_volume"] == 0
    assert scores["mae_volume_normalised"] == 0
    assert scores["ncc_volume"] == pytest.approx(1)


def test_crop_leaves_out_what_lies_beyond_64_mm_of_the_truth():
    truth = np.zeros((200, 4, 4), np.float32)
    truth[20, 1, 1] = 1
    prediction = truth.copy()
    prediction[150, 1, 1] = 1
    mask = np.ones(truth.shape, bool)
    scores = compare_fields(make_volume(prediction), make_volume(truth), mask)
    assert scores["mse_crop"] == 0
    assert scores["mse_volume"] == pytest.approx(1 / VOLUME_MM3)
    # Orientation of the array changes nothing.
    flipped = compare_fields(
        make_volume(prediction[::-1, ::-1], flip=True), make_volume(truth[::-1, ::-1], flip=True), mask
    )
    assert flipped == pytest.approx(scores)


def test_without_a_true_tumour_there_is_no_crop():
    empty = np.zeros((4, 4, 4), np.float32)
    scores = compare_fields(make_volume(empty), make_volume(empty), np.ones(empty.shape, bool))
    assert np.isnan([value for name, value in scores.items() if "crop" in name]).all()
    assert scores["mse_volume"] == 0


DICE_CASES = [
    ([1, 1, 0], [1, 0, 0], 2 / 3),
    ([1, 0, 0], [0, 1, 0], 0),
    ([1, 1, 0], [1, 1, 0], 1),
    ([0, 0, 0], [1, 1, 0], 0),
    ([1, 1, 0], [0, 0, 0], 0),
    ([0, 0, 0], [0, 0, 0], NAN),
]


@pytest.mark.parametrize(("first", "second", "expected"), DICE_CASES)
def test_dice(first, second, expected):
    assert dice(np.array(first, bool), np.array(second, bool)) == pytest.approx(expected, nan_ok=True)


def test_dice_curves_agree_with_cutting_at_every_threshold():
    rng = np.random.default_rng(1)
    p, t = rng.random((2, 7, 6, 5))
    mask = t > 0.5
    thresholds = np.linspace(0.05, 0.95, 19)
    assert dice_of_fields(p, t, thresholds) == pytest.approx([dice(p >= c, t >= c) for c in thresholds])
    assert dice_with_mask(p, mask, thresholds) == pytest.approx([dice(p >= c, mask) for c in thresholds])


def test_dice_by_hand():
    p, t = np.array([0.1, 0.4, 0.7, 0.9]), np.array([0.4, 0.4, 0.4, 0.9])
    # At 0.3: {1, 2, 3} and all; at 0.6: {2, 3} and {3}; at 0.95: both empty.
    assert dice_of_fields(p, t, [0.3, 0.6, 0.95]) == pytest.approx([6 / 7, 2 / 3, NAN], nan_ok=True)
    assert dice_with_mask(p, t > 0.5, [0.3, 0.6, 0.95]) == pytest.approx([2 / 4, 2 / 3, 0])
    assert dice_with_mask(p, t > 2, [0.3, 0.95]) == pytest.approx([0, NAN], nan_ok=True)


def test_parameter_errors():
    truth = Theta((10, 20, 30), 10, 4)
    errors = parameter_errors(Theta((13, 24, 30), 9, 5), truth)
    assert errors["mu_d_relative_error"] == pytest.approx(0.1)
    assert errors["mu_rho_relative_error"] == pytest.approx(0.25)
    assert (errors["mu_d_bias"], errors["mu_rho_bias"]) == pytest.approx((-0.1, 0.25))
    assert errors["origin_error_mm"] == pytest.approx(5)
    assert errors["origin_error_fraction"] == pytest.approx(5 / 240)
    along_z = parameter_errors(Theta((10, 20, 61), 10, 4), truth)
    assert along_z["origin_error_fraction"] == pytest.approx(0.2)
    assert np.isnan(parameter_errors(truth, Theta((10, 20, 30), 0, 4))["mu_d_relative_error"])
