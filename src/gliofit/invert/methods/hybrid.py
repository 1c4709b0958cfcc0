"""Direct inverse prediction refined by L-BFGS through the surrogate (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from gliofit.invert.base import AbstractInverter, DirectMethodSettings, Inversion
from gliofit.invert.lbfgs import LbfgsSettings, minimise

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem

__all__ = ["Hybrid", "HybridSettings"]


class HybridSettings(LbfgsSettings, DirectMethodSettings):
    """Settings of ``hybrid``."""

    inverter: Literal["hybrid"] = Field(description="`hybrid`.")


class Hybrid(AbstractInverter[HybridSettings]):
    """Direct or refined estimate, whichever has the lower loss of the surrogate's prediction."""

    settings_type: ClassVar[type[HybridSettings]] = HybridSettings
    keeps_other: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Predict theta, descend from the prediction and return the better estimate."""
        from gliofit.invert.surrogate_objective import SurrogateObjective, direct_theta

        trace = problem.start_trace()
        origin = self.settings.origin
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        direct, clipped = direct_theta(problem, origin)
        loss_direct = float(objective.losses(direct)[0])
        start = problem.starting_at(origin, direct)
        outcome = minimise(
            objective, self.settings, start, problem.held_origin_mm(origin), problem.observation.centre_mm
        )
        notes = [outcome.reason]
        if clipped:
            notes.append("the direct estimate was clipped to the bounds")
        chosen: Literal["direct", "gradient"] = "gradient"
        theta, loss, other = outcome.theta, outcome.loss, direct
        if np.isfinite(loss_direct) and loss_direct < loss:
            chosen, theta, loss, other = "direct", direct, loss_direct, outcome.theta
        extra = {"chosen": chosen, "loss_direct": loss_direct, "loss_gradient": outcome.loss}
        return trace.finish(theta, loss, outcome.converged, "; ".join(notes), other, extra=extra)
