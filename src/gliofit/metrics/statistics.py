"""Statistics over cases: means, standard errors, quartiles, intervals, and paired tests with Holm's correction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAN = float("nan")

#: Fewer than six pairs cannot reach p < 0.05 in a two-sided Wilcoxon signed-rank test (smallest p: 2^(1-n)).
MIN_PAIRS = 6


@dataclass(frozen=True)
class Description:
    """Number, mean, standard error (ddof = 1, NaN below two values), quartiles and largest of the finite values."""

    n: int
    mean: float
    standard_error: float
    median: float
    lower: float
    upper: float
    maximum: float

    def columns(self, name: str, **numbers: str) -> dict[str, float]:
        """Create columns ``{name}_{key}`` from the fields given by keywords."""
        return {f"{name}_{key}": getattr(self, field) for key, field in numbers.items()}


def describe(values: ArrayLike) -> Description:
    """Describe the finite values of a sample of shape (n,)."""
    sample = _finite(values)
    if sample.size == 0:
        return Description(0, NAN, NAN, NAN, NAN, NAN, NAN)
    error = float(sample.std(ddof=1) / np.sqrt(sample.size)) if sample.size > 1 else NAN
    lower, upper = (float(value) for value in np.quantile(sample, (0.25, 0.75)))
    middle, largest = float(np.median(sample)), float(sample.max())
    return Description(int(sample.size), float(sample.mean()), error, middle, lower, upper, largest)


def bootstrap_interval(values: ArrayLike, confidence: float, samples: int, seed: int) -> tuple[float, float]:
    """Compute the percentile bootstrap interval of the mean of finite values; NaN for fewer than two.

    The sample has shape (n,), ``confidence`` is the coverage between 0 and 1, and ``seed`` that of the resampling.
    """
    sample = _finite(values)
    if sample.size < 2:
        return NAN, NAN
    picks = np.random.default_rng(seed).integers(0, sample.size, size=(samples, sample.size))
    tail = 50 * (1 - confidence)
    low, high = np.percentile(sample[picks].mean(axis=1), [tail, 100 - tail])
    return float(low), float(high)


@dataclass(frozen=True)
class PairedTest:
    """Paired comparison of two methods on common cases.

    ``mean_difference`` is first minus second. Two-sided paired t-test and Wilcoxon signed-rank test, the latter without
    pairs without a difference. ``note`` says why a value is missing; empty otherwise.
    """

    n: int
    mean_difference: float
    t_statistic: float
    t_p: float
    wilcoxon_statistic: float
    wilcoxon_p: float
    note: str


def compare_pairs(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """Compare paired values of two methods on the same cases, shapes (n,).

    Pairs with a missing value are excluded; fewer than ``MIN_PAIRS`` are not tested.
    """
    from scipy import stats

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    difference = (a - b)[np.isfinite(a) & np.isfinite(b)]
    n = int(difference.size)
    mean = float(difference.mean()) if n else NAN
    if n < MIN_PAIRS:
        return PairedTest(n, mean, NAN, NAN, NAN, NAN, f"{n} {'pair' if n == 1 else 'pairs'}; a test needs six")
    if not difference.any():
        return PairedTest(n, mean, NAN, NAN, NAN, NAN, "all pairs are equal")

    if np.ptp(difference) <= 1e-12 * np.abs(difference).max():
        # Equal differences have no variance.
        t, note = (NAN, NAN), "the difference is the same in every pair; no t-test"
    else:
        result = stats.ttest_1samp(difference, 0.0)
        t, note = (float(result.statistic), float(result.pvalue)), ""
    # scipy warns if ties or zeros require the normal approximation.
    with np.errstate(all="ignore"):
        ranks = stats.wilcoxon(difference, zero_method="wilcox")
    return PairedTest(n, mean, *t, float(ranks.statistic), float(ranks.pvalue), note)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Compute Holm's step-down adjusted p values, shape (m,); missing values stay missing.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, NAN)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's score interval of a ratio; NaN without trials (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    from scipy.stats import norm

    if trials == 0:
        return NAN, NAN
    z = float(norm.ppf(0.5 + confidence / 2))
    ratio = successes / trials
    middle = (ratio + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(ratio * (1 - ratio) / trials + z**2 / (4 * trials**2))
    # Limit rounding errors at ratios of 0 and 1.
    return float(max(0.0, middle - half)) if successes else 0.0, float(middle + half) if successes < trials else 1.0


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=float)
    finite: NDArray[np.float64] = sample[np.isfinite(sample)]
    return finite
