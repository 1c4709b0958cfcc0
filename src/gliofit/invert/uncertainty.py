"""How well an observation determines theta: covariance, intervals, and what is not identifiable."""

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

__all__ = ["INTERVAL_LEVEL", "Uncertainty", "uncertainty_of"]

#: Coverage of the intervals in results and pictures.
INTERVAL_LEVEL = 0.9


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Normal approximation of the distribution of theta, in coordinates of its space.

    Parameters
    ----------
    covariance
        Covariance of the coordinates, shape (n, n). Zero for parameters that were held or ended at a bound.
    inverse_hessian
        Inverse of the loss's Gauss-Newton Hessian in the same coordinates, shape (n, n): converts differences of the
        loss to the scale of the covariance (``profile``).
    notes
        Directions that are not identifiable, and parameters that ended at a bound.
    """

    covariance: NDArray[np.float64]
    inverse_hessian: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard deviations of the coordinates, shape (n,)."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, theta: Theta, level: float = INTERVAL_LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends of each parameter's interval, shapes (n,)."""
        reach = float(stats.norm.ppf(0.5 + level / 2)) * self.standard_errors
        middle = theta.to_array()
        return theta.space.moved(middle, -reach), theta.space.moved(middle, reach)

    def columns(self, theta: Theta) -> dict[str, Any]:
        """Columns of the results row: standard errors, ends of the 90 % intervals, and the covariance by rows."""
        space, (low, high) = theta.space, self.interval(theta)
        errors = self.standard_errors * space.derivative(theta.to_array())
        return {
            **space.row(errors, suffix="_se"),
            **space.row(low, suffix="_low"),
            **space.row(high, suffix="_high"),
            "covariance": self.covariance.flatten().tolist(),
        }

    @staticmethod
    def no_columns(space: ParameterSpace) -> dict[str, Any]:
        """The same columns for methods that give no uncertainty."""
        columns = (space.row(None, suffix=f"_{what}") for what in ("se", "low", "high"))
        return {name: value for part in columns for name, value in part.items()} | {"covariance": None}


def uncertainty_of(
    objective: ExpansionObjective,
    best: Expansion,
    bounds: Bounds,
    free: NDArray[np.bool_],
    correlation_mm: float,
    hessian: NDArray[np.float64] | None = None,
) -> Uncertainty:
    """Uncertainty of the minimum of a loss.

    The loss is a sum over voxels, so its minimum is an M-estimate: with the Hessian H and the voxels' gradients g at
    the minimum, the covariance is H^-1 (sum g g') H^-1 (Huber 1967, White 1980), which measures the noise by the
    residuals themselves. Residuals of neighbours are not independent where the model is wrong or a contour is drawn by
    hand. The sum over voxels is therefore scaled by what it grows to, on average over directions, when the gradients
    are summed within blocks first (cluster-robust covariance, Liang and Zeger 1986); never below one.
    The box of the bounds enters as a wide normal prior, which keeps what is not identifiable finite.

    Source: White, Econometrica 48 (1980); Liang and Zeger, Biometrika 73 (1986).

    Parameters
    ----------
    objective
        The objective of the finest level.
    best
        Its minimum, with tangents of its own.
    bounds
        Box of the search.
    free
        Parameters that were estimated, shape (n,).
    correlation_mm
        Edge of the blocks: residuals farther apart count as independent.
    hessian
        Hessian of the loss in coordinates, where a better one than Gauss-Newton's is known.
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
    scores = objective.scores(best) * units[:, None, None, None]
    whole = best.hessian * np.outer(units, units) if hessian is None else hessian
    bend = whole[np.ix_(moving, moving)]
    scores = scores[moving]
    voxels = np.einsum("iabc,jabc->ij", scores, scores, dtype=np.float64)
    blocks = _sums(scores, max(1, round(correlation_mm / objective.spacing_mm)))
    summed = blocks @ blocks.T
    # Rounding is all there is to the residuals of an exact fit.
    voxels += np.diag(1e-12 * np.diag(voxels) + 1e-300)
    inflation = max(1.0, float(np.trace(np.linalg.solve(voxels, summed))) / len(moving))
    information = bend @ np.linalg.solve(inflation * voxels, bend)
    prior = np.diag(1 / _prior_deviation(space, bounds)[moving] ** 2)
    where = np.ix_(moving, moving)
    covariance[where] = np.linalg.inv(information + prior)
    inverse[where] = np.linalg.pinv(bend, hermitian=True)
    notes += _vague(space, covariance)
    return Uncertainty(covariance, inverse, tuple(notes))


def _prior_deviation(space: ParameterSpace, bounds: Bounds) -> NDArray[np.float64]:
    """Standard deviations of coordinates that are uniform in the box."""
    return (space.to_coordinates(bounds.upper) - space.to_coordinates(bounds.lower)) / np.sqrt(12)


def _sums(scores: NDArray[Any], edge: int) -> NDArray[np.float64]:
    """Sums over cubes of ``edge`` voxels, shape (components, cubes), of shape (components, x, y, z)."""
    total = scores.astype(np.float64)
    for axis in (1, 2, 3):
        total = np.add.reduceat(total, np.arange(0, total.shape[axis], edge), axis=axis)
    return total.reshape(len(scores), -1)


def _vague(space: ParameterSpace, covariance: NDArray[np.float64]) -> list[str]:
    """Notes on directions that are not identifiable."""
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
