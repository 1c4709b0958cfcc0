"""Levenberg-Marquardt with secant corrections: scaled, damped and bounded Gauss-Newton steps.

Sources: More, The Levenberg-Marquardt algorithm, in Numerical Analysis (1978), with the scaling of Marquardt (1963);
corrections of the Hessian as in BFGS (Nocedal and Wright, Numerical Optimization, 2006, section 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.invert.expansion import Expansion, ExpansionObjective

_DAMPING = (1e-9, 1e8)
# Loss relative to that without tumour below which a fit counts as exact, near the rounding of single precision.
_EXACT = 1e-10
# Convergence criterion for steps in the units ``steps("unit")`` of the space.
_STEP_TOLERANCE = 1e-4
# Smallest curvature along a step, relative to Gauss-Newton's, that corrects the Hessian.
_LEAST_CURVATURE = 0.05
# A minimum is a flat valley if a shift by one unit of ``steps("unit")`` raises the loss by less than this part.
_FLAT = 1e-3


@dataclass(frozen=True)
class Descent:
    """Final expansion of a descent, and whether it is a minimum or a corner of the bounds."""

    best: Expansion
    converged: bool
    reason: str


def are_same(space: ParameterSpace, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two parameter vectors, shapes (n,), are close enough to lead to the same minimum."""
    return bool((np.abs(one - other) < space.steps("same") * space.derivative(one)).all())


def descend(
    objective: ExpansionObjective,
    start: Expansion,
    bounds: Bounds,
    evaluations: int,
    free: NDArray[np.bool_],
    loss_tolerance: float = 1e-5,
    others: Sequence[Descent] = (),
) -> Descent:
    """Minimise the loss from ``start``.

    Gauss-Newton's Hessian neglects second derivatives of the concentration. With the residuals of real segmentations it
    is three to ten times too large, and convergence is slow; there, differences of gradients correct it.

    Parameters
    ----------
    bounds
        Box of theta; a parameter pushed against its bound is fixed for that step.
    free
        Mask of parameters that may change, shape (n,).
    loss_tolerance
        Convergence criterion: predicted decrease of the loss in the next step, relative to the loss.
    others
        Previous descents on the same objective. The descent stops close to one of their ends, unless its loss is lower.
    """
    space = objective.space
    longest, unit = space.steps("longest"), space.steps("unit")
    here, damping, rejected = start, 1e-3, False
    exact = _EXACT * objective.without_tumour
    secants: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for _ in range(evaluations):
        if here.loss < exact:
            return Descent(here, True, "exact fit")
        gradient, gauss_newton = here.in_coordinates(space)
        hessian = _corrected(gauss_newton, secants)
        stuck = ((here.theta <= bounds.lower) & (gradient > 0)) | ((here.theta >= bounds.upper) & (gradient < 0))
        moving = free & ~stuck
        step = np.zeros(len(space))
        if moving.any():
            block = hessian[np.ix_(moving, moving)]
            diagonal = np.maximum(np.diag(block), 1e-12 * np.diag(block).max() + 1e-300)
            step[moving] = -np.linalg.solve(block + damping * np.diag(diagonal), gradient[moving])
        step /= max(1.0, float(np.max(np.abs(step) / longest)))
        predicted = float(-(gradient @ step + 0.5 * step @ hessian @ step))
        small = bool(np.max(np.abs(step) / unit) < _STEP_TOLERANCE)
        if small or (predicted <= loss_tolerance * here.loss and not rejected):
            scaled = (hessian * np.outer(unit, unit))[np.ix_(moving, moving)]
            flat = bool(moving.any()) and 0.5 * np.linalg.eigvalsh(scaled)[0] < _FLAT * here.loss
            return Descent(here, True, "flat valley" if flat else "minimum")
        candidate = objective.expand(bounds.clip(space.moved(here.theta, step)))
        if candidate is not None and objective.likelihood.large_residuals:
            taken = space.step_between(here.theta, candidate.theta)
            change = candidate.in_coordinates(space)[0] - gradient
            if change @ taken > _LEAST_CURVATURE * (taken @ gauss_newton @ taken):
                secants.append((taken, change))
        if candidate is None or candidate.loss >= here.loss:
            damping, rejected = 8 * max(1e-2, damping), True
            if damping > _DAMPING[1]:
                return Descent(here, False, "no step lowers the loss")
            continue
        gain = (here.loss - candidate.loss) / max(predicted, 1e-300)
        damping = max(_DAMPING[0], damping * (0.1 if gain > 0.5 else 0.5 if gain > 0.1 else 2.0))
        here, rejected = candidate, False
        if any(here.loss >= end.best.loss and are_same(space, here.theta, end.best.theta) for end in others):
            return Descent(here, False, "joins another descent")
    return Descent(here, here.loss < exact, "exact fit" if here.loss < exact else "budget")


def _corrected(
    hessian: NDArray[np.float64], secants: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> NDArray[np.float64]:
    """Scale a Hessian, shape (n, n), to the curvature along the last step and update it by BFGS.

    ``secants`` are pairs of a step and the change of the gradient along it, shapes (n,).
    """
    if not secants:
        return hessian
    step, change = secants[-1]
    hessian = hessian * np.clip((change @ step) / (step @ hessian @ step), _LEAST_CURVATURE, 1.0)
    for step, change in secants:
        product = hessian @ step
        hessian = hessian - np.outer(product, product) / (step @ product) + np.outer(change, change) / (change @ step)
    return hessian
