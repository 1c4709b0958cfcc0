"""Uncertainty of theta: covariance, intervals, measured Hessian, and directions that are not identifiable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.growth.theta import Theta

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective


#: Coverage of intervals in results and figures.
INTERVAL_LEVEL = 0.9

# Smallest ratio of the measured to Gauss-Newton's curvature in any direction.
_MIN_RATIO = 0.05


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Normal approximation of the distribution of theta, in coordinates of its space."""

    #: Covariance of the coordinates, shape (n, n); zero for parameters that are fixed or at a bound.
    covariance: NDArray[np.float64]
    #: Inverse Hessian of the loss in the same coordinates, shape (n, n); it scales the loss in ``profile``.
    inverse_hessian: NDArray[np.float64]
    #: Directions that are not identifiable, and parameters at a bound.
    notes: tuple[str, ...] = ()

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard deviations of the coordinates, shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, theta: Theta, level: float = INTERVAL_LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper limits of each parameter's interval, shapes (n,)."""
        reach = float(stats.norm.ppf(0.5 + level / 2)) * self.standard_errors
        middle = theta.to_array()
        return theta.space.moved(middle, -reach), theta.space.moved(middle, reach)


def uncertainty_of(
    objective: ExpansionObjective,
    best: Expansion,
    bounds: Bounds,
    free: NDArray[np.bool_],
    correlation_mm: float,
    hessian: NDArray[np.float64] | None = None,
) -> Uncertainty:
    """Compute the uncertainty of the minimum of a loss.

    The loss is a sum over voxels, so its minimum is an M-estimate: with the Hessian H and the voxels' gradients g at
    the minimum, the covariance is H^-1 (sum g g') H^-1 (Huber 1967, White 1980), which estimates the noise from the
    residuals. Neighbouring residuals are correlated where the model is wrong or a contour is drawn by hand. The sum is
    therefore multiplied by the average factor by which it grows when gradients are first summed within blocks
    (cluster-robust covariance, Liang and Zeger 1986), at least one. The bounds enter as a wide normal prior, which
    keeps the variance of directions finite that are not identifiable.

    Source: White, Econometrica 48 (1980); Liang and Zeger, Biometrika 73 (1986).

    Parameters
    ----------
    objective, best
        Objective of the finest level, and its minimum.
    bounds, free
        Box of theta, and mask of estimated parameters, shape (n,).
    correlation_mm
        Edge of the blocks: residuals farther apart count as independent.
    hessian
        Hessian of the loss in coordinates, by default Gauss-Newton's.
    """
    space = objective.space
    units = space.derivative(best.theta)
    near = 1e-6 * (bounds.upper - bounds.lower)
    at_bound = free & ((best.theta <= bounds.lower + near) | (best.theta >= bounds.upper - near))
    moving = np.flatnonzero(free & ~at_bound)
    notes = [f"{space.symbols[k]} is at its bound" for k in np.flatnonzero(at_bound)]
    covariance, inverse = np.zeros((2, len(space), len(space)))
    if len(moving) == 0:
        return Uncertainty(covariance, inverse, tuple(notes))
    scores = (objective.scores(best) * units[:, None, None, None])[moving]
    where = np.ix_(moving, moving)
    curvature = (best.in_coordinates(space)[1] if hessian is None else hessian)[where]
    voxels = np.einsum("iabc,jabc->ij", scores, scores, dtype=np.float64)
    blocks = _block_sums(scores, max(1, round(correlation_mm / objective.spacing_mm)))
    summed = blocks @ blocks.T
    # Keeps the matrix invertible for an exact fit, whose residuals are rounding errors.
    voxels += np.diag(1e-12 * np.diag(voxels) + 1e-300)
    inflation = max(1.0, float(np.trace(np.linalg.solve(voxels, summed))) / len(moving))
    information = curvature @ np.linalg.solve(inflation * voxels, curvature)
    # Standard deviation of a uniform distribution in the box.
    deviation = (space.to_coordinates(bounds.upper) - space.to_coordinates(bounds.lower)) / np.sqrt(12)
    covariance[where] = np.linalg.inv(information + np.diag(1 / deviation[moving] ** 2))
    inverse[where] = np.linalg.pinv(curvature, hermitian=True)
    notes += _vague_directions(space, covariance)
    return Uncertainty(covariance, inverse, tuple(notes))


def measured_hessian(
    objective: ExpansionObjective, theta: NDArray[np.float64], standard_errors: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Compute the Hessian of the loss by central differences of gradients over about one standard error.

    Gauss-Newton's Hessian neglects second derivatives of the prediction, which is accurate for small residuals.
    Residuals of a segmentation are large: whole voxels disagree, the imaging model is steep, and the true curvature may
    be a third of Gauss-Newton's.

    Returns
    -------
    ndarray or None
        Hessian in coordinates, shape (n, n), positive definite. None if the seed of theta, or of its neighbours on both
        sides, lies outside tissue.
    """
    middle, space = objective.expand(theta), objective.space
    if middle is None:
        return None
    steps = np.clip(standard_errors, *space.steps("difference").T)
    gradient, model = middle.in_coordinates(space)
    columns = []
    for shift in np.diag(steps):
        shifted = [(sign * shift.sum(), objective.expand(space.moved(theta, sign * shift))) for sign in (1, -1)]
        # One side may lie outside tissue.
        ends = [(step, end.in_coordinates(space)[0]) for step, end in shifted if end is not None] + [(0.0, gradient)]
        if len(ends) < 2:
            return None
        columns.append((ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0]))
    measured = np.array(columns)
    return _raise_curvature(0.5 * (measured + measured.T), model)


def _raise_curvature(measured: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise eigenvalues of the measured Hessian, relative to the model's, to at least ``_MIN_RATIO``."""
    scale = np.linalg.cholesky(model + 1e-9 * np.diag(np.diag(model)) + 1e-300 * np.eye(len(model)))
    inner = np.linalg.solve(scale, np.linalg.solve(scale, measured).T)
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    raised = vectors @ np.diag(np.maximum(values, _MIN_RATIO)) @ vectors.T
    return np.asarray(scale @ raised @ scale.T)


def _block_sums(scores: NDArray[Any], edge: int) -> NDArray[np.float64]:
    """Sum scores, shape (n, x, y, z), over cubes of ``edge`` voxels to shape (n, cubes)."""
    total = scores.astype(np.float64)
    for axis in (1, 2, 3):
        total = np.add.reduceat(total, np.arange(0, total.shape[axis], edge), axis=axis)
    return total.reshape(len(scores), -1)


def _vague_directions(space: ParameterSpace, covariance: NDArray[np.float64]) -> list[str]:
    """Describe directions that are not identifiable."""
    scale = space.steps("vague")
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    notes = []
    for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
        if value <= 1:
            break
        main = np.flatnonzero(np.abs(vector) > 0.3)
        spread = np.sqrt(value) * vector * scale
        parts = [
            f"{space.symbols[k]} by a factor of {np.exp(spread[k]):.2g}"
            if space.log[k]
            else f"{space.symbols[k]} {spread[k]:+.0f} {space.parameters[k].unit}".rstrip()
            for k in main
        ]
        notes.append(f"not identifiable: {', '.join(parts)} (one standard deviation) changes the fit little")
    return notes
