"""Direct inverse prediction refined by L-BFGS through the surrogate (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gliofit.invert.base import DirectInverter, Inversion
from gliofit.invert.lbfgs import LbfgsInverter, minimise

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class Hybrid(LbfgsInverter, DirectInverter):
    """Direct or refined estimate, whichever has the lower loss of the surrogate's prediction."""

    keeps_other: ClassVar[bool] = True

    inverter: Literal["hybrid"] = Field(description="`hybrid`.")

    def invert(self, problem: Problem) -> Inversion:
        """Predict theta, descend from the prediction and return the better estimate."""
        from gliofit.invert.surrogate_objective import SurrogateObjective, direct_theta

        trace = problem.start_trace()
        objective = SurrogateObjective(problem, trace, self.training_range)
        direct, clipped = direct_theta(problem, self.origin)
        loss_direct = float(objective.losses(direct)[0])
        start = problem.starting_at(self.origin, direct)
        held, centre = problem.held_origin_mm(self.origin), problem.observation.centre_mm
        refined, loss, converged, message = minimise(objective, self, start, held, centre)
        if clipped:
            message += "; the direct estimate was clipped to the bounds"
        extra = {"chosen": "gradient", "loss_direct": loss_direct, "loss_gradient": loss}
        if loss_direct < loss:
            return trace.finish(direct, loss_direct, converged, message, refined, extra=extra | {"chosen": "direct"})
        return trace.finish(refined, loss, converged, message, direct, extra=extra)
