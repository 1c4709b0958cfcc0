"""L-BFGS through the surrogate (paper, algorithm 1), for the gradient methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.work import Work, cubes
from gliofit.invert.base import InversionError, SurrogateInverter
from gliofit.invert.variables import SearchOutcome, Variables

if TYPE_CHECKING:
    from torch import Tensor

    from gliofit.invert.surrogate_objective import SurrogateObjective

#: The paper's learning rate and absolute tolerance.
_RAW_RATE, _RAW_EPSILON = 0.1, 1e-8

#: Smallest distance (in the unit box) of the initial guess from the bounds, where the sigmoid has no slope.
_INSET = 0.02

#: Evaluations after which descents usually have converged.
_USUAL_EVALUATIONS = 100


class LbfgsInverter(SurrogateInverter):
    """Method that uses L-BFGS with strong-Wolfe line search, by default on the logits of the unit box of the bounds."""

    descends: ClassVar[bool] = True

    epsilon: float = Field(
        1e-6,
        ge=0,
        description="Stop when an outer step changes the loss by less than this, relative to the loss without tumour.",
    )
    outer_steps: int = Field(50, ge=1, description="Largest number of outer steps.")
    inner_steps: int = Field(20, ge=1, description="L-BFGS iterations per outer step.")
    history: int = Field(20, ge=1, description="Number of stored curvature pairs.")
    learning_rate: float = Field(1.0, gt=0, description="First step length of each line search.")
    raw_scaling: bool = Field(
        False,
        description="Parity with the paper: unscaled variables (origin in fractions of the head, raw parameters) "
        "clamped to the bounds within each evaluation, learning rate 0.1, history 100, absolute tolerance 1e-8, at "
        "most 1000 outer steps. Overrides the keys above.",
    )

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Return predictions with derivatives; descents converge long before their last outer step."""
        evaluations = min(self.outer_steps * self.inner_steps, _USUAL_EVALUATIONS)
        return Work.of("gradient", evaluations * cubes(cube))


def minimise(
    objective: SurrogateObjective,
    settings: LbfgsInverter,
    start: NDArray[np.float64],
    held_origin_mm: NDArray[np.float64] | None,
    centre_mm: NDArray[np.float64],
) -> SearchOutcome:
    """Minimise the loss from ``start``, a theta of shape (n,) that is clipped to the bounds.

    The result is the best evaluated point: line searches may end at a worse one at the limit of single precision.
    Raises InversionError if the initial loss is not finite.
    """
    import torch

    raw = settings.raw_scaling
    if raw:
        variables = Variables.raw(objective.space, objective.bounds, centre_mm, held_origin_mm)
    else:
        variables = Variables.unit(objective.space, objective.bounds, held_origin_mm)
    lower, upper = torch.from_numpy(variables.lower), torch.from_numpy(variables.upper)
    first = torch.from_numpy(variables.encode(objective.bounds.clip(start)))
    if not raw:
        first = torch.logit(first.clamp(_INSET, 1 - _INSET))
    point = first.clone().requires_grad_(True)

    def theta_of(values: Tensor) -> Tensor:
        theta: Tensor = variables.decode(values if raw else torch.sigmoid(values), torch)
        return theta

    best: tuple[NDArray[np.float64], float] | None = None

    def closure() -> float:
        nonlocal best
        if raw:
            with torch.no_grad():
                point.clamp_(lower, upper)
        theta = theta_of(point)
        loss = objective.tensor_losses(theta[None].to(objective.likelihood.template.device))[0]
        # The network's weights need no gradient.
        (point.grad,) = torch.autograd.grad(loss / (1.0 if raw else objective.scale), point)
        value, values = float(loss.detach()), theta.detach().numpy().copy()
        objective.trace.add(values, value)
        if np.isfinite(value) and (best is None or value < best[1]):
            best = values, value
        return value if raw else value / objective.scale

    optimiser = torch.optim.LBFGS(
        [point],
        lr=_RAW_RATE if raw else settings.learning_rate,
        max_iter=20 if raw else settings.inner_steps,
        history_size=100 if raw else settings.history,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-7 if raw else 1e-9,
        tolerance_change=1e-9 if raw else 1e-12,
    )
    epsilon = _RAW_EPSILON if raw else settings.epsilon * objective.scale
    outer_steps = 1000 if raw else settings.outer_steps
    previous = np.inf
    for step in range(outer_steps):
        optimiser.step(closure)
        if best is None:
            raise InversionError("the initial loss is not finite")
        # Algorithm 1 compares losses of successive steps; the best loss is robust to a failed line search.
        if abs(previous - best[1]) <= epsilon:
            return SearchOutcome(*best, True, f"loss changed by less than {epsilon:.1e} after {step + 1} steps")
        previous = best[1]
        if not torch.isfinite(point).all():
            return SearchOutcome(*best, False, "the variables are not finite")
    assert best is not None
    return SearchOutcome(*best, False, f"budget of {outer_steps} steps used up")
