"""Levenberg-Marquardt: scaled, damped and bounded Gauss-Newton steps.

Source: More, The Levenberg-Marquardt algorithm, in Numerical Analysis (1978), with the scaling of Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.invert.expansion import Expansion, ExpansionObjective

__all__ = ["Descent", "are_same", "descend"]

_DAMPING = (1e-9, 1e8)
# Loss relative to that without tumour below which a fit counts as exact, near the rounding of single precision.
_EXACT = 1e-10


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
    borrow: int = 0,
    step_tolerance: float = 1e-4,
    loss_tolerance: float = 1e-5,
    others: Sequence[Descent] = (),
) -> Descent:
    """Minimise the loss from ``start``.

    Parameters
    ----------
    objective
        Loss with derivatives.
    start
        Expansion at the initial guess.
    bounds
        Box of theta; a parameter pushed against its bound is fixed for that step.
    evaluations
        Largest number of evaluations, including those with reused tangents.
    free
        Mask of parameters that may change, shape (n,).
    borrow
        Number of successive steps that may reuse earlier tangents; after a failed step they are computed again.
    step_tolerance
        Convergence criterion for steps, in the units ``steps("unit")`` of the space.
    loss_tolerance
        Convergence criterion for the relative decrease of the loss.
    others
        Previous descents on the same objective. The descent stops close to one of their ends, unless its loss is lower.
    """
    space = objective.space
    longest, unit = space.steps("longest"), space.steps("unit")
    here, damping, borrowed, spent = start, 1e-3, 0, 0
    exact = _EXACT * objective.without_tumour
    lower, upper = bounds.lower, bounds.upper
    while spent < evaluations:
        if here.loss < exact:
            return Descent(here, True, "exact fit")
        gradient, hessian = here.in_coordinates(space)
        stuck = ((here.theta <= lower) & (gradient > 0)) | ((here.theta >= upper) & (gradient < 0))
        moving = free & ~stuck
        step = np.zeros(len(space))
        if moving.any():
            block = hessian[np.ix_(moving, moving)]
            diagonal = np.maximum(np.diag(block), 1e-12 * np.diag(block).max() + 1e-300)
            step[moving] = -np.linalg.solve(block + damping * np.diag(diagonal), gradient[moving])
        step /= max(1.0, float(np.max(np.abs(step) / longest)))
        small = bool(np.max(np.abs(step) / unit) < step_tolerance)
        if small and borrowed == 0:
            return Descent(here, True, "steps are small")
        trial = bounds.clip(space.moved(here.theta, step))
        lender = here if borrowed < borrow else None
        candidate = objective.expand(trial, lender)
        spent += 1
        if candidate is not None and candidate.loss < here.loss:
            predicted = -(gradient @ step + 0.5 * step @ hessian @ step)
            gain = (here.loss - candidate.loss) / max(float(predicted), 1e-300)
            falls = (here.loss - candidate.loss) / here.loss > loss_tolerance
            damping = max(_DAMPING[0], damping * (0.1 if gain > 0.5 else 0.5 if gain > 0.1 else 2.0))
            here, borrowed = candidate, borrowed + 1 if lender is not None else 0
            if any(here.loss >= end.best.loss and are_same(space, here.theta, end.best.theta) for end in others):
                return Descent(here, False, "joins another descent")
            if not falls and borrowed == 0:
                return Descent(here, True, "loss no longer falls")
            if not falls:
                borrowed = borrow
        elif borrowed > 0:
            fresh = objective.expand(here.theta)
            spent += 1
            here, borrowed = (here, borrow) if fresh is None else (fresh, 0)
        else:
            damping = max(1e-3, damping) * 8
            if damping > _DAMPING[1] or small:
                return Descent(here, small, "steps are small" if small else "no step lowers the loss")
    return Descent(here, here.loss < exact, "exact fit" if here.loss < exact else "budget")
