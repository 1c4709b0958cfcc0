"""L-BFGS through the surrogate (paper, algorithm 1), shared by the gradient methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.invert.base import InversionError, SurrogateMethodSettings
from gliofit.invert.variables import Variables

if TYPE_CHECKING:
    from torch import Tensor

    from gliofit.invert.surrogate_objective import SurrogateObjective

__all__ = ["LbfgsOutcome", "LbfgsSettings", "minimise"]

#: The paper's learning rate and absolute tolerance.
_RAW_RATE, _RAW_EPSILON = 0.1, 1e-8

#: Starts are kept this far (in the unit box) from the bounds, where the sigmoid has no slope.
_INSET = 0.02


class LbfgsSettings(SurrogateMethodSettings):
    """Settings of L-BFGS with a strong-Wolfe line search.

    By default it works on the unit box of the bounds, which a sigmoid maps to all real numbers.
    """

    has_start: ClassVar[bool] = True

    epsilon: float = Field(
        1e-6,
        ge=0,
        description="Stop when an outer step changes the loss by less than this, relative to the loss of no tumour.",
    )
    outer_steps: int = Field(50, ge=1, description="Most outer steps.")
    inner_steps: int = Field(20, ge=1, description="L-BFGS iterations per outer step.")
    history: int = Field(20, ge=1, description="Curvature pairs kept.")
    learning_rate: float = Field(1.0, gt=0, description="First trial length of each line search.")
    raw_scaling: bool = Field(
        False,
        description="Parity with the paper: unscaled variables (origin in fractions of the head, raw parameters) "
        "clamped to the bounds within each evaluation, learning rate 0.1, history 100, absolute tolerance 1e-8, at "
        "most 1000 outer steps. Overrides the keys above.",
    )


@dataclass(frozen=True, eq=False)
class LbfgsOutcome:
    """How a descent ended: the best theta, shape (n,), its loss, and whether it stopped by itself."""

    theta: NDArray[np.float64]
    loss: float
    converged: bool
    reason: str


def minimise(
    objective: SurrogateObjective,
    settings: LbfgsSettings,
    start: NDArray[np.float64],
    held_origin_mm: NDArray[np.float64] | None,
    centre_mm: NDArray[np.float64],
) -> LbfgsOutcome:
    """Descend from ``start`` (a theta, brought into the bounds first).

    Returns the best point evaluated: line searches may end on a worse one where single precision sets the limit.

    Raises
    ------
    InversionError
        If the loss at the start is not finite.
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
        return variables.decode(values if raw else torch.sigmoid(values), torch)

    best: tuple[NDArray[np.float64], float] | None = None

    def closure() -> float:
        nonlocal best
        if raw:
            with torch.no_grad():
                point.clamp_(lower, upper)
        theta = theta_of(point)
        loss = objective.tensor_losses(theta[None].to(objective.likelihood.template.device))[0]
        # Only the gradient for theta: the network's weights stay out of it.
        (point.grad,) = torch.autograd.grad(loss / (1.0 if raw else objective.scale), point)
        objective.record(theta, loss)
        value = float(loss.detach())
        if np.isfinite(value) and (best is None or value < best[1]):
            best = theta.detach().numpy().copy(), value
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
        optimiser.step(closure)  # type: ignore[arg-type]
        if best is None:
            raise InversionError("the loss at the start is not finite")
        # Algorithm 1 compares losses of successive steps; the best one so far also survives a failed line search.
        if abs(previous - best[1]) <= epsilon:
            return LbfgsOutcome(*best, True, f"loss changed by less than {epsilon:.1e} after {step + 1} steps")
        previous = best[1]
        if not torch.isfinite(point).all():
            return LbfgsOutcome(*best, False, "the search left the finite numbers")
    assert best is not None
    return LbfgsOutcome(*best, False, f"budget of {outer_steps} steps used up")
