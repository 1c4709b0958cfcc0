"""The Hessian of a loss measured by differences of its gradient, where Gauss-Newton's leaves too much out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.expansion import ExpansionObjective

__all__ = ["measured_hessian"]

# Smallest share of Gauss-Newton's curvature in any direction of the result.
_FLOOR = 0.05


def measured_hessian(
    objective: ExpansionObjective, theta: NDArray[np.float64], standard_errors: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Hessian of the loss in coordinates of the parameter space, shape (n, n).

    Gauss-Newton's Hessian neglects second derivatives of the prediction, which is accurate where residuals are small.
    Those of a segmentation are not: whole voxels disagree, the imaging model is steep, and the true curvature may be
    a third of Gauss-Newton's. Central differences of gradients over about one standard error measure it.

    Parameters
    ----------
    objective
        Gives gradients.
    theta
        Parameters, shape (n,).
    standard_errors
        First estimate of the standard errors in coordinates, shape (n,).

    Returns
    -------
    The Hessian, made positive definite by Gauss-Newton's; None if theta or its neighbourhood has no gradient.
    """
    middle = objective.expand(theta)
    if middle is None:
        return None
    space = objective.space
    units = space.derivative(theta)
    least, most = space.steps("difference").T
    steps = np.clip(standard_errors, least, most)
    columns = []
    for index, step in enumerate(steps):
        ends = []
        for sign in (1, -1):
            shifted = space.moved(theta, sign * step * np.eye(len(space))[index])
            there = objective.expand(shifted)
            if there is not None:
                ends.append((sign * step, there.gradient * space.derivative(shifted)))
        if len(ends) < 2:
            # There is no tissue on one side.
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
