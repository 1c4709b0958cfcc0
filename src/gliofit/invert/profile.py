"""Profile likelihood: how the loss rises when one component of theta is held away from its estimate.

It checks the covariance of ``uncertainty`` and replaces its intervals where the loss is not quadratic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from gliofit.core.threads import blas_threads
from gliofit.growth.space import ParameterSpace
from gliofit.invert.base import Inversion, InversionError
from gliofit.invert.expansion import Expansion, ExpansionObjective
from gliofit.invert.levenberg_marquardt import descend
from gliofit.invert.methods.gauss_newton import GaussNewtonSettings
from gliofit.invert.problem import Problem
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.solver.accurate import AccurateSolver

__all__ = ["PROFILE_COLUMNS", "profile_intervals", "profile_likelihood"]

#: Columns of a profile, before those of the parameter space.
PROFILE_COLUMNS = ("parameter", "value", "loss", "deviance", "standard_normal")

# Most evaluations per point, and the deviance that is not worth a further one.
_EVALUATIONS = 6
_NEGLIGIBLE = 0.01


def profile_likelihood(
    problem: Problem,
    settings: GaussNewtonSettings,
    inversion: Inversion,
    multiples: Sequence[float] = (-2.0, -1.0, 1.0, 2.0),
) -> pd.DataFrame:
    """The loss along each free parameter, minimised over the others.

    Parameters
    ----------
    problem
        The case that was inverted.
    settings
        Settings that it was inverted with; the profile is taken on the finest level.
    inversion
        Outcome with an uncertainty.
    multiples
        Distances from the estimate at which a parameter is held, in standard errors of its coordinate; clipped to the
        bounds.

    Returns
    -------
    Columns ``PROFILE_COLUMNS``: per parameter the held values, rising, with the estimate among them; ``loss``;
    ``deviance``, twice the rise of the loss in units in which a quadratic loss gives (value - estimate)^2 / variance,
    negative where a point lies below the estimate's loss; ``standard_normal``, its root with the sign of the distance;
    and theta. Points without tissue at their origin have NaN. Components without a standard error (held, or at a
    bound) are left out.

    Raises
    ------
    InversionError
        If the inversion has no estimate or no uncertainty, or its seed lies outside tissue.
    """
    with blas_threads(1):
        return _profile(problem, settings, inversion, multiples)


def _profile(
    problem: Problem, settings: GaussNewtonSettings, inversion: Inversion, multiples: Sequence[float]
) -> pd.DataFrame:
    theta, uncertainty = inversion.theta, inversion.uncertainty
    if theta is None or uncertainty is None:
        raise InversionError("a profile needs an estimate with its uncertainty")
    level = settings.levels[-1]
    solver = AccurateSolver(settings.integrator.with_tolerance(level.tolerance))
    objective = ExpansionObjective(problem, problem.start_trace(), solver, level.spacing_mm, level.imaging_width)
    objective.level = "profile"
    estimate = theta.to_array()
    best = objective.expand(estimate)
    if best is None:
        raise InversionError("the estimate lies outside tissue")
    # From the likelihood's mean over the objective's box to the problem's loss.
    per_grid = objective.without_tumour / objective.likelihood.without_tumour()
    lowest = _exact_loss(objective, per_grid, best)
    errors, inverse = uncertainty.standard_errors, uncertainty.inverse_hessian
    space = problem.space
    free = space.free(problem.held_origin_mm(settings.origin) is not None)
    rows = []
    for k in np.flatnonzero(free & (errors > 0) & (np.diag(inverse) > 0)):
        scale = 2 * inverse[k, k] / errors[k] ** 2
        others = free & (np.arange(len(space)) != k)
        for multiple in sorted({0.0, *multiples}):
            held = problem.bounds.clip(space.moved(estimate, multiple * errors * (np.arange(len(space)) == k)))[k]
            distance = np.log(held / estimate[k]) if space.log[k] else held - estimate[k]
            end: Expansion | None = best
            if distance != 0:
                # To second order the minimum over the others moves along the column of the inverse Hessian.
                start = problem.bounds.clip(space.moved(estimate, inverse[:, k] / inverse[k, k] * distance))
                start[~free], start[k] = estimate[~free], held
                end = _minimum(objective, problem, objective.expand(start), others, scale)
            loss = np.nan if end is None else _exact_loss(objective, per_grid, end)
            deviance = scale * (loss - lowest)
            normal = np.sign(distance) * np.sqrt(np.maximum(deviance, 0))
            point = np.full(len(space), np.nan) if end is None else end.theta
            rows.append((space.columns[k], held, loss, deviance, normal, *point))
    return pd.DataFrame(rows, columns=[*PROFILE_COLUMNS, *space.columns])


def profile_intervals(space: ParameterSpace, table: pd.DataFrame, level: float = INTERVAL_LEVEL) -> pd.DataFrame:
    """Intervals where a profile's ``standard_normal`` passes the quantiles of the normal distribution.

    Interpolated between points, and extrapolated beyond the outermost ones, linearly in coordinates; an end lies at
    the limit of the coordinate where the loss does not rise on that side.

    Parameters
    ----------
    space
        Parameter space of the profile.
    table
        A result of ``profile_likelihood``.
    level
        Coverage.

    Returns
    -------
    Columns ``parameter low high``.
    """
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    rows = []
    for parameter, points in table.dropna(subset=["standard_normal"]).groupby("parameter", sort=False):
        logarithmic = space.log[space.index(str(parameter))]
        values = points["value"].to_numpy(dtype=float)
        places = np.log(values) if logarithmic else values
        normal = points["standard_normal"].to_numpy(dtype=float)
        # The estimate itself, also where other points lie below it.
        middle = float(places[np.abs(points["deviance"].to_numpy(dtype=float)).argmin()])
        ends = [middle + side * _reach(side * (places - middle), side * normal, quantile) for side in (-1, 1)]
        low, high = np.exp(ends) if logarithmic else ends
        rows.append((parameter, low, high))
    return pd.DataFrame(rows, columns=["parameter", "low", "high"])


def _reach(distances: NDArray[np.float64], normal: NDArray[np.float64], quantile: float) -> float:
    """Distance at which a rising line through the points of one side, from (0, 0), passes ``quantile``."""
    line = [(0.0, 0.0)]
    for distance, value in sorted(zip(distances.tolist(), normal.tolist(), strict=True)):
        # Only what is higher than all before: the line has to rise.
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
    """Minimum over the other components; the start itself where a further step would gain next to nothing."""
    if start is None:
        return None
    gradient, hessian = start.gradient[others], start.hessian[np.ix_(others, others)]
    gain = 0.5 * gradient @ np.linalg.pinv(hessian, hermitian=True) @ gradient
    if scale * gain < _NEGLIGIBLE:
        return start
    tolerance = _NEGLIGIBLE / scale / max(start.loss, 1e-300)
    return descend(objective, start, problem.bounds, _EVALUATIONS, others, loss_tolerance=tolerance).best


def _exact_loss(objective: ExpansionObjective, per_grid: float, expansion: Expansion) -> float:
    """The loss in double precision: differences of interest are below the rounding of single where voxels are many."""
    return per_grid * float(objective.likelihood(objective.seen(expansion).double()[None])[0])
