"""Levenberg-Marquardt for theta: scaled, damped and bounded Gauss-Newton steps.

Source: More, The Levenberg-Marquardt algorithm, in Numerical Analysis (1978), with the scaling of Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.invert.expansion import Expansion, ExpansionObjective

__all__ = ["Descent", "are_same", "descend"]

_DAMPING = (1e-9, 1e8)
# Share of the loss of no tumour below which a fit counts as exact: rounding in single precision is not far below.
_EXACT = 1e-10


@dataclass(frozen=True)
class Descent:
    """Where a descent ended, why, and whether that is a minimum (or a corner of the bounds)."""

    best: Expansion
    converged: bool
    reason: Literal[
        "exact fit",
        "steps are small",
        "loss no longer falls",
        "joins another descent",
        "budget",
        "no step lowers the loss",
    ]


def are_same(space: ParameterSpace, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two parameter vectors are so close that descents from both end in the same minimum."""
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
    """Lower the loss from ``start``.

    Parameters
    ----------
    objective
        Gives expansions.
    start
        Expansion at the start.
    bounds
        Box; a parameter that a step pushes against its bound is held there for that step.
    evaluations
        Most evaluations, those with borrowed tangents included.
    free
        Parameters that may change, shape (n,).
    borrow
        Successive steps that may use the tangents of an earlier one, which saves time near the minimum and where
        tangents are expensive. If a step with borrowed tangents fails, fresh ones are computed first.
    step_tolerance
        Step, in the units of the space's ``steps("unit")``, below which the descent has converged.
    loss_tolerance
        Relative decrease of the loss below which the descent has converged.
    others
        Previous descents on the same objective. A descent that comes close to the end of one of them, and not below it,
        ends there.
    """
    space = objective.space
    longest, unit = space.steps("longest"), space.steps("unit")
    here, damping, borrowed, spent = start, 1e-3, 0, 0
    exact = _EXACT * objective.without_tumour
    lower, upper = bounds.lower, bounds.upper
    while spent < evaluations:
        if here.loss < exact:
            return Descent(here, True, "exact fit")
        units = space.derivative(here.theta)
        gradient, hessian = here.gradient * units, here.hessian * np.outer(units, units)
        stuck = ((here.theta <= lower) & (gradient > 0)) | ((here.theta >= upper) & (gradient < 0))
        moving = free & ~stuck
        step = np.zeros(len(space))
        if moving.any():
            own = hessian[np.ix_(moving, moving)]
            diagonal = np.maximum(np.diag(own), 1e-12 * np.diag(own).max() + 1e-300)
            step[moving] = -np.linalg.solve(own + damping * np.diag(diagonal), gradient[moving])
        step /= max(1.0, float(np.max(np.abs(step) / longest)))
        small = bool(np.max(np.abs(step) / unit) < step_tolerance)
        if small and borrowed == 0:
            return Descent(here, True, "steps are small")
        trial = bounds.clip(space.moved(here.theta, step))
        lend = here if borrowed < borrow else None
        there = objective.expand(trial, lend)
        spent += 1
        if there is not None and there.loss < here.loss:
            predicted = -(gradient @ step + 0.5 * step @ hessian @ step)
            gain = (here.loss - there.loss) / max(float(predicted), 1e-300)
            falls = (here.loss - there.loss) / here.loss > loss_tolerance
            damping = max(_DAMPING[0], damping * (0.1 if gain > 0.5 else 0.5 if gain > 0.1 else 2.0))
            here, borrowed = there, borrowed + 1 if lend is not None else 0
            if any(here.loss >= end.best.loss and are_same(space, here.theta, end.best.theta) for end in others):
                return Descent(here, False, "joins another descent")
            if not falls and borrowed == 0:
                return Descent(here, True, "loss no longer falls")
            if not falls:
                borrowed = borrow
        elif borrowed > 0:
            # The borrowed tangents may be the cause.
            fresh = objective.expand(here.theta)
            spent += 1
            if fresh is not None:
                here = fresh
            borrowed = 0 if fresh is not None else borrow
        else:
            damping = max(1e-3, damping) * 8
            if damping > _DAMPING[1] or small:
                return Descent(here, small, "steps are small" if small else "no step lowers the loss")
    return Descent(here, here.loss < exact, "exact fit" if here.loss < exact else "budget")
