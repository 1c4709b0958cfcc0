from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gliofit.metrics.statistics import bootstrap_interval, compare_pairs, describe, holm, wilson_interval

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (0, NAN, NAN, NAN)),
        ([NAN], (0, NAN, NAN, NAN)),
        ([3.0], (1, 3.0, NAN, 3.0)),
        # Deviations -1, 0, 1: variance 1, standard error 1 / sqrt(3).
        ([1.0, 2.0, 3.0], (3, 2.0, 3**-0.5, 2.0)),
        ([1.0, NAN, 5.0], (2, 3.0, 2.0, 3.0)),
    ],
)
def test_describe(values, expected):
    found = describe(values)
    assert (found.n, found.mean, found.standard_error, found.median) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.04, NAN, 0.01], [0.04, NAN, 0.02]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([NAN], [NAN]),
        ([], []),
    ],
)
def test_holm(p, expected):
    assert holm(p) == pytest.approx(np.array(expected), nan_ok=True)


def test_bootstrap_interval_holds_the_mean_and_repeats():
    values = [*np.random.default_rng(0).random(40), NAN]
    low, high = bootstrap_interval(values, 0.95, 500, seed=3)
    assert low < np.nanmean(values) < high
    assert (low, high) == bootstrap_interval(values, 0.95, 500, seed=3)
    assert np.isnan(bootstrap_interval([1.0], 0.95, 500, seed=3)).all()
    assert bootstrap_interval([2.0, 2.0], 0.95, 500, seed=3) == (2.0, 2.0)


def test_compare_pairs_uses_the_pairs_that_are_complete():
    a = np.array([1.0, 2.5, 3.0, 4.2, 1.0, 7.0, NAN, 6.0])
    b = np.array([0.5, 2.0, 3.3, 3.0, 1.8, 5.0, 1.0, NAN])
    found = compare_pairs(a, b)
    t, w = stats.ttest_rel(a[:6], b[:6]), stats.wilcoxon(a[:6], b[:6])
    assert found.n == 6
    assert found.mean_difference == pytest.approx(3.1 / 6)
    assert (found.t_statistic, found.t_p) == pytest.approx((t.statistic, t.pvalue))
    assert (found.wilcoxon_statistic, found.wilcoxon_p) == pytest.approx((w.statistic, w.pvalue))
    assert found.note == ""


def test_six_pairs_of_one_sign_give_the_smallest_possible_wilcoxon_p():
    found = compare_pairs(np.arange(1.0, 7.0), np.zeros(6))
    assert found.wilcoxon_p == pytest.approx(2 / 2**6)


@pytest.mark.parametrize(
    ("a", "b", "n", "note"),
    [
        ([1.0], [2.0], 1, "1 pair; a test needs six"),
        ([], [], 0, "0 pairs; a test needs six"),
        ([1.0, NAN], [NAN, 1.0], 0, "0 pairs; a test needs six"),
        ([1.0, 2.5, 3.0, 4.2, 5.0], [0.5, 2.0, 3.3, 3.0, 4.0], 5, "5 pairs; a test needs six"),
        (range(6), range(6), 6, "all pairs are equal"),
    ],
)
def test_compare_pairs_says_why_there_is_no_test(a, b, n, note):
    found = compare_pairs(a, b)
    assert found.n == n
    assert np.isnan([found.t_p, found.wilcoxon_p]).all()
    assert note in found.note


def test_wilson_interval():
    # Newcombe, Stat. Med. 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for case, expected in {
        (81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718),
    }.items():  # fmt: skip
        assert wilson_interval(*case) == pytest.approx(expected, abs=5e-5)
    assert wilson_interval(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert np.isnan(wilson_interval(0, 0)).all()
