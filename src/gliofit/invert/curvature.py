"""The Hessian of a loss measured by differences of its gradient, where Gauss-Newton's leaves too much out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.expansion import ExpansionObjective

__all__ = ["measured_hessian"]

# Differences are taken over about a standard error, within these: mm, and logarithms of mu_D and mu_rho.
_LEAST = np.array([0.1, 0.1, 0.1, 0.005, 0.002])
_MOST = np.array([2.0, 2.0, 2.0, 0.1, 0.05])
# Share of Gauss-Newton's curvature that is left at least, in every direction.
_FLOOR = 0.05


def measured_hessian(
    objective: ExpansionObjective, theta: NDArray[np.float64], standard_errors: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Hessian of the loss in (x, y, z, ln mu_D, ln mu_rho), shape (5, 5).

    Gauss-Newton's Hessian drops second derivatives of what is seen, which is right where residuals are small. The
    residuals of a segmentation are not: whole voxels are missed, the imaging model is steep, and the true curvature
    may be a third of Gauss-Newton's. Ten gradients measure it over about the distance that matters.

    Parameters
    ----------
    objective
        Gives gradients.
    theta
        (x, y, z, mu_D, mu_rho), shape (5,).
    standard_errors
        First guess of what theta is uncertain by: mm, and logarithms of mu_D and mu_rho.

    Returns
    -------
    The Hessian, made positive definite by Gauss-Newton's; None if theta or what surrounds it has no gradient.
    """
    middle = objective.expand(theta)
    if middle is None:
        return None
    units = np.array([1.0, 1.0, 1.0, theta[3], theta[4]])
    steps = np.clip(standard_errors, _LEAST, _MOST)
    columns = []
    for index, step in enumerate(steps):
        ends = []
        for sign in (1, -1):
            shifted = np.array(theta, dtype=np.float64)
            if index < 3:
                shifted[index] += sign * step
            else:
                shifted[index] *= np.exp(sign * step)
            there = objective.expand(shifted)
            if there is not None:
                ends.append((sign * step, there.gradient * np.array([1.0, 1.0, 1.0, shifted[3], shifted[4]])))
        if len(ends) < 2:
            # On one side lies no tissue.
            ends.append((0.0, middle.gradient * units))
        if len(ends) < 2:
            return None
        columns.append((ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0]))
    measured = np.array(columns)
    return _at_least(0.5 * (measured + measured.T), middle.hessian * np.outer(units, units))


def _at_least(measured: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """The measured Hessian, with no direction flatter than a share of the model's."""
    scale = np.linalg.cholesky(model + 1e-9 * np.diag(np.diag(model)) + 1e-300 * np.eye(5))
    inner = np.linalg.solve(scale, np.linalg.solve(scale, measured).T)
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    raised = vectors @ np.diag(np.maximum(values, _FLOOR)) @ vectors.T
    return scale @ raised @ scale.T
