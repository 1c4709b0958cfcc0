"""How well an observation determines theta: covariance, intervals, and what is not identifiable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gliofit.theta import THETA_COLUMNS, Bounds, Theta

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective

__all__ = ["INTERVAL_LEVEL", "Uncertainty", "uncertainty_of"]

#: Coverage of the intervals in results and pictures.
INTERVAL_LEVEL = 0.9

_NAMES = ("origin x", "origin y", "origin z", "mu_D", "mu_rho")

# A direction is not identifiable where its standard deviation is above these: mm, and logarithms of mu_D and mu_rho
# (0.5: the 90 % interval spans more than a factor of five).
_VAGUE = np.array([10.0, 10.0, 10.0, 0.5, 0.5])


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Normal approximation of what is known of theta.

    Parameters
    ----------
    covariance
        Of (x, y, z) in mm and the logarithms of mu_D and mu_rho, shape (5, 5). Zero for components that were held or
        ended at a bound.
    inverse_hessian
        Inverse of the loss's Gauss-Newton Hessian in the same variables, shape (5, 5): turns differences of the loss
        into the covariance's scale (``profile``).
    notes
        What is not identifiable, and which components ended at a bound.
    """

    covariance: NDArray[np.float64]
    inverse_hessian: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Of (x, y, z) in mm and the logarithms of mu_D and mu_rho, shape (5,)."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, theta: Theta, level: float = INTERVAL_LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends of each component's interval, shapes (5,); those of mu_D and mu_rho are positive."""
        reach = float(stats.norm.ppf(0.5 + level / 2)) * self.standard_errors
        middle = theta.to_array()
        low, high = middle - reach, middle + reach
        low[3:], high[3:] = middle[3:] * np.exp(-reach[3:]), middle[3:] * np.exp(reach[3:])
        return low, high

    def columns(self, theta: Theta) -> dict[str, Any]:
        """Columns of the results row: standard errors, ends of the 90 % intervals, and the covariance by rows."""
        low, high = self.interval(theta)
        errors = self.standard_errors * np.array([1.0, 1.0, 1.0, theta.mu_d_mm, theta.mu_rho])
        return {
            **dict(zip((f"{name}_se" for name in THETA_COLUMNS), errors.tolist(), strict=True)),
            **dict(zip((f"{name}_low" for name in THETA_COLUMNS), low.tolist(), strict=True)),
            **dict(zip((f"{name}_high" for name in THETA_COLUMNS), high.tolist(), strict=True)),
            "covariance": self.covariance.flatten().tolist(),
        }

    @staticmethod
    def no_columns() -> dict[str, Any]:
        """The same columns for methods that give no uncertainty."""
        names = [f"{name}_{what}" for what in ("se", "low", "high") for name in THETA_COLUMNS]
        return dict.fromkeys(names, float("nan")) | {"covariance": None}


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
        Components that were estimated, shape (5,).
    correlation_mm
        Edge of the blocks: residuals farther apart count as independent.
    hessian
        Hessian of the loss in (x, y, z, ln mu_D, ln mu_rho), where it is known better than Gauss-Newton's.
    """
    units = np.array([1.0, 1.0, 1.0, best.theta[3], best.theta[4]])
    near = 1e-6 * (bounds.upper - bounds.lower)
    at_bound = free & ((best.theta <= bounds.lower + near) | (best.theta >= bounds.upper - near))
    moving = np.flatnonzero(free & ~at_bound)
    notes = [f"{_NAMES[k]} is at its bound" for k in np.flatnonzero(at_bound)]
    covariance, inverse = np.zeros((5, 5)), np.zeros((5, 5))
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
    prior = np.diag(1 / _prior_deviation(bounds)[moving] ** 2)
    where = np.ix_(moving, moving)
    covariance[where] = np.linalg.inv(information + prior)
    inverse[where] = np.linalg.pinv(bend, hermitian=True)
    notes += _vague(covariance)
    return Uncertainty(covariance, inverse, tuple(notes))


def _prior_deviation(bounds: Bounds) -> NDArray[np.float64]:
    """Standard deviations of uniform variables in the box, of mu_D and mu_rho by their logarithms."""
    lower, upper = bounds.lower.copy(), bounds.upper.copy()
    lower[3:], upper[3:] = np.log(lower[3:]), np.log(upper[3:])
    return (upper - lower) / np.sqrt(12)


def _sums(scores: NDArray[Any], edge: int) -> NDArray[np.float64]:
    """Sums over cubes of ``edge`` voxels, shape (components, cubes), of shape (components, x, y, z)."""
    total = scores.astype(np.float64)
    for axis in (1, 2, 3):
        total = np.add.reduceat(total, np.arange(0, total.shape[axis], edge), axis=axis)
    return total.reshape(len(scores), -1)


def _vague(covariance: NDArray[np.float64]) -> list[str]:
    """Sentences on directions whose standard deviation is too large to mean anything."""
    values, vectors = np.linalg.eigh(covariance / np.outer(_VAGUE, _VAGUE))
    notes = []
    for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
        if value <= 1:
            break
        main = np.flatnonzero(np.abs(vector) > 0.3)
        spread = np.sqrt(value) * vector * _VAGUE
        parts = [
            f"{_NAMES[k]} {spread[k]:+.0f} mm" if k < 3 else f"{_NAMES[k]} by a factor of {np.exp(spread[k]):.2g}"
            for k in main
        ]
        notes.append(f"not identifiable: {', '.join(parts)} (one standard deviation) changes the fit little")
    return notes
