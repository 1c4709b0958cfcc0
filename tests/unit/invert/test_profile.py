from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gliofit.core.grid import Volume
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.problem import Problem
from gliofit.invert.profile import PROFILE_COLUMNS, profile_intervals, profile_likelihood
from gliofit.invert.run import fit
from gliofit.observation.observation import ConcentrationObservation

from .fakes import configured, grow

TRUTH = Theta((6.3, -4.2, 3.1), 7.0, 3.0)
SETTINGS = configured("gauss-newton", integrator={"tolerance": 5e-4})
NAMES = list(SPACE.columns)


@pytest.fixture(scope="module")
def noisy(brain):
    """A tumour with white noise in all tissue, some of it below zero."""
    field = grow(brain, TRUTH).data
    field = field + np.random.default_rng(0).normal(0, 0.02, field.shape)
    observation = ConcentrationObservation(Volume(field.astype(np.float32), brain.grid), brain, noisy=True)
    return Problem(observation, SETTINGS)


@pytest.fixture(scope="module")
def inversion(noisy):
    return fit(noisy, "gauss-newton", SETTINGS)


@pytest.fixture(scope="module")
def profile(noisy, inversion):
    return profile_likelihood(noisy, SETTINGS.methods["gauss-newton"], inversion)


def test_a_well_determined_tumour_has_the_profile_of_its_covariance(profile):
    assert tuple(profile.columns) == (*PROFILE_COLUMNS, *SPACE.columns)
    assert profile["parameter"].unique().tolist() == NAMES
    for _, points in profile.groupby("parameter"):
        assert points["value"].is_monotonic_increasing
        np.testing.assert_allclose(points["deviance"], [4, 1, 0, 1, 4], rtol=0.1, atol=1e-12)
        np.testing.assert_allclose(points["standard_normal"], [-2, -1, 0, 1, 2], rtol=0.05, atol=1e-12)


def test_components_are_held_where_they_should_be_and_the_others_move(profile, inversion):
    estimate, errors = inversion.theta.to_array(), inversion.uncertainty.standard_errors
    for k, name in enumerate(NAMES):
        points = profile[profile["parameter"] == name]
        distances = np.array([-2, -1, 0, 1, 2]) * errors[k]
        expected = estimate[k] * np.exp(distances) if k >= 3 else estimate[k] + distances
        np.testing.assert_allclose(points["value"], expected)
        np.testing.assert_allclose(points[name], expected)
    held = profile[profile["parameter"] == "mu_d_mm"]
    # A wider tumour has to grow less.
    assert held["mu_rho"].is_monotonic_decreasing


def test_intervals_are_those_of_the_covariance(profile, inversion):
    intervals = profile_intervals(SPACE, profile).set_index("parameter").loc[NAMES]
    low, high = inversion.uncertainty.interval(inversion.theta)
    width = high - low
    assert (np.abs(intervals["low"] - low) < 0.05 * width).all()
    assert (np.abs(intervals["high"] - high) < 0.05 * width).all()
    wider = profile_intervals(SPACE, profile, 0.99).set_index("parameter").loc[NAMES]
    assert (wider["low"] < intervals["low"]).all()
    assert (wider["high"] > intervals["high"]).all()


Z = stats.norm.ppf(0.95)


@pytest.mark.parametrize(
    ("parameter", "values", "normal", "interval"),
    [
        # Interpolated on one side, continued on the other, which rises slowly.
        (
            "origin_x_mm", [8.0, 9.0, 10.0, 11.0, 12.0], [-4.0, -1.0, 0.0, 0.2, 0.5],
            [9 - (Z - 1) / 3, 12 + (Z - 0.5) / 0.3],
        ),
        # In logarithms, and open where the loss is flat.
        ("mu_d_mm", [5.0, 10.0, 20.0], [-1.0, 0.0, 0.0], [10 * 0.5**Z, np.inf]),
    ],
)  # fmt: skip
def test_intervals_of_a_skew_profile(parameter, values, normal, interval):
    table = pd.DataFrame({"parameter": parameter, "value": values, "standard_normal": normal})
    row = profile_intervals(SPACE, table.assign(deviance=table["standard_normal"] ** 2)).iloc[0]
    assert [row["low"], row["high"]] == pytest.approx(interval)
