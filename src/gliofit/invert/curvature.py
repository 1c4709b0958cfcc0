"""Hessian of a loss by finite differences of its gradient, where Gauss-Newton's approximation is inaccurate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.expansion import ExpansionObjective

__all__ = ["measured_hessian"]

# Smallest ratio to Gauss-Newton's curvature in any direction.
_FLOOR = 0.05


def measured_hessian(
    objective: ExpansionObjective, theta: NDArray[np.float64], standard_errors: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Compute the Hessian of the loss by central differences of gradients over about one standard error.

    Gauss-Newton's Hessian neglects second derivatives of the prediction, which is accurate for small residuals.
    Residuals of a segmentation are large: whole voxels disagree, the imaging model is steep, and the true curvature may
    be a third of Gauss-Newton's.

    Parameters
    ----------
    objective
        Objective with gradients.
    theta
        Parameters, shape (n,).
    standard_errors
        First estimate of the standard errors in coordinates, shape (n,).

    Returns
    -------
    ndarray or None
        Hessian in coordinates of the parameter space, shape (n, n), positive definite. None if the seed of theta, or of
        its neighbours on both sides, lies outside tissue.
    """
    middle = objective.expand(theta)
    if middle is None:
        return None
    space = objective.space
    least, most = space.steps("difference").T
    steps = np.clip(standard_errors, least, most)
    columns = []
    for index, step in enumerate(steps):
        ends = []
        for sign in (1, -1):
            shifted = objective.expand(space.moved(theta, sign * step * np.eye(len(space))[index]))
            if shifted is not None:
                ends.append((sign * step, shifted.gradient_in(space)))
        if len(ends) < 2:
            # One side lies outside tissue.
            ends.append((0.0, middle.gradient_in(space)))
        if len(ends) < 2:
            return None
        columns.append((ends[0][1] - ends[1][1]) / (ends[0][0] - ends[1][0]))
    measured = np.array(columns)
    return _raise_curvature(0.5 * (measured + measured.T), middle.hessian_in(space))


def _raise_curvature(measured: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise eigenvalues of the measured Hessian, relative to the model's, to at least ``_FLOOR``."""
    scale = np.linalg.cholesky(model + 1e-9 * np.diag(np.diag(model)) + 1e-300 * np.eye(len(model)))
    inner = np.linalg.solve(scale, np.linalg.solve(scale, measured).T)
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    raised = vectors @ np.diag(np.maximum(values, _FLOOR)) @ vectors.T
    hessian: NDArray[np.float64] = scale @ raised @ scale.T
    return hessian
