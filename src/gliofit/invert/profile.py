"""Profile likelihood: loss along one fixed parameter, minimised over the others.

It verifies the covariance of ``uncertainty`` and replaces its intervals where the loss is not quadratic.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from gliofit.core.threads import blas_threads
from gliofit.growth.space import ParameterSpace
from gliofit.invert.base import Inversion, InversionError
from gliofit.invert.expansion import Expansion, ExpansionObjective
from gliofit.invert.levenberg_marquardt import descend
from gliofit.invert.methods.gauss_newton import GaussNewton
from gliofit.invert.problem import Problem
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.solver.accurate import AccurateSolver

#: Columns of a profile before those of the parameter space.
PROFILE_COLUMNS = ("parameter", "value", "loss", "deviance", "standard_normal")

# Distances of the fixed parameter from the estimate, in standard errors of its coordinate; clipped to the bounds.
_MULTIPLES = (-2.0, -1.0, 0.0, 1.0, 2.0)
# Largest number of evaluations per point, and the negligible improvement of the deviance.
_EVALUATIONS = 6
_NEGLIGIBLE = 0.01


@blas_threads(1)
def profile_likelihood(problem: Problem, settings: GaussNewton, inversion: Inversion) -> pd.DataFrame:
    """Compute the loss along each free parameter, minimised over the others, on the finest level.

    Returns
    -------
    DataFrame
        Columns ``PROFILE_COLUMNS`` and those of theta: for each ``parameter`` with a standard error the fixed
        ``value``, increasing and including the estimate; ``loss``; ``deviance``, twice the increase of the loss, scaled
        so that a quadratic loss gives (value - estimate)^2 / variance; ``standard_normal``, the square root of the
        deviance with the sign of the distance. NaN if the seed of a point lies outside tissue.

    Raises
    ------
    InversionError
        If the inversion has no estimate or no uncertainty, or its seed lies outside tissue.
    """
    theta, uncertainty = inversion.theta, inversion.uncertainty
    if theta is None or uncertainty is None:
        raise InversionError("a profile requires an estimate with its uncertainty")
    level = settings.levels[-1]
    solver = AccurateSolver(settings.integrator.with_tolerance(level.tolerance))
    objective = ExpansionObjective(problem, problem.start_trace(), solver, level.spacing_mm, level.imaging_width)
    objective.level = "profile"
    estimate = theta.to_array()
    best = objective.expand(estimate)
    if best is None:
        raise InversionError("the estimate lies outside tissue")
    lowest = _exact_loss(objective, best)
    errors, inverse = uncertainty.standard_errors, uncertainty.inverse_hessian
    space = problem.space
    free = problem.free(settings.origin)
    rows = []
    for k in np.flatnonzero(free & (errors > 0) & (np.diag(inverse) > 0)):
        scale = 2 * inverse[k, k] / errors[k] ** 2
        is_fixed = np.arange(len(space)) == k
        for multiple in _MULTIPLES:
            shifted = problem.bounds.clip(space.moved(estimate, multiple * errors * is_fixed))
            fixed, distance = shifted[k], space.step_between(estimate, shifted)[k]
            end: Expansion | None = best
            if distance != 0:
                # To second order the minimum over the others moves along the column of the inverse Hessian.
                start = problem.bounds.clip(space.moved(estimate, inverse[:, k] / inverse[k, k] * distance))
                start[~free], start[k] = estimate[~free], fixed
                end = _minimum(objective, problem, objective.expand(start), free & ~is_fixed, scale)
            loss = np.nan if end is None else _exact_loss(objective, end)
            deviance = scale * (loss - lowest)
            normal = np.sign(distance) * np.sqrt(np.maximum(deviance, 0))
            point = np.full(len(space), np.nan) if end is None else end.theta
            rows.append((space.columns[k], fixed, loss, deviance, normal, *point))
    return pd.DataFrame(rows, columns=[*PROFILE_COLUMNS, *space.columns])


def profile_intervals(space: ParameterSpace, table: pd.DataFrame, level: float = INTERVAL_LEVEL) -> pd.DataFrame:
    """Compute the intervals where a profile's ``standard_normal`` reaches the quantiles of the normal distribution.

    Points are interpolated, and extrapolated at the ends, linearly in coordinates. Limits are infinite in coordinates
    where the loss does not increase.

    Returns
    -------
    DataFrame
        Columns ``parameter low high``.
    """
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    rows = []
    for parameter, points in table.dropna(subset=["standard_normal"]).groupby("parameter", sort=False):
        scale = space.parameters[space.index(str(parameter))]
        coordinates = scale.to_coordinate(points["value"].to_numpy(dtype=float))
        normal = points["standard_normal"].to_numpy(dtype=float)
        # The deviance of the estimate is zero, while other points may have a negative one.
        middle = float(coordinates[np.abs(points["deviance"].to_numpy(dtype=float)).argmin()])
        ends = [middle + side * _reach(side * (coordinates - middle), side * normal, quantile) for side in (-1, 1)]
        rows.append((parameter, *scale.from_coordinate(ends)))
    return pd.DataFrame(rows, columns=["parameter", "low", "high"])


def _reach(distances: NDArray[np.float64], normal: NDArray[np.float64], quantile: float) -> float:
    """Return the distance at which an increasing line from (0, 0) through the points of one side is ``quantile``."""
    line = [(0.0, 0.0)]
    for distance, value in sorted(zip(distances.tolist(), normal.tolist(), strict=True)):
        if distance > line[-1][0] and value > line[-1][1]:
            line.append((distance, value))
    if len(line) == 1:
        return float("inf")
    after = next((n for n in range(1, len(line)) if line[n][1] >= quantile), len(line) - 1)
    (near, low), (far, high) = line[after - 1], line[after]
    return near + (quantile - low) / (high - low) * (far - near)


def _minimum(
    objective: ExpansionObjective,
    problem: Problem,
    start: Expansion | None,
    others: NDArray[np.bool_],
    scale: float,
) -> Expansion | None:
    """Minimise over the other parameters; return the start if the expected improvement is negligible."""
    if start is None:
        return None
    gradient, hessian = start.gradient[others], start.hessian[np.ix_(others, others)]
    gain = 0.5 * gradient @ np.linalg.pinv(hessian, hermitian=True) @ gradient
    if scale * gain < _NEGLIGIBLE:
        return start
    tolerance = _NEGLIGIBLE / scale / max(start.loss, 1e-300)
    return descend(objective, start, problem.bounds, _EVALUATIONS, others, loss_tolerance=tolerance).best


def _exact_loss(objective: ExpansionObjective, expansion: Expansion) -> float:
    """Return the loss in double precision; single precision rounds relevant differences if there are many voxels."""
    # From the likelihood's mean over the objective's box to the problem's loss.
    factor = objective.without_tumour / objective.likelihood.without_tumour()
    return factor * float(objective.likelihood(objective.prediction(expansion.c).double()[None])[0])
