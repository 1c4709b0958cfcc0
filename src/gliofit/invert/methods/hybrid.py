"""Direct inverse prediction refined by L-BFGS through the surrogate (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from gliofit.invert.base import AbstractInverter, DirectMethodSettings, Inversion, Status
from gliofit.invert.lbfgs import LbfgsSettings, minimise
from gliofit.theta import Theta

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem

__all__ = ["Hybrid", "HybridSettings"]


_OTHER = ("other_origin_x_mm", "other_origin_y_mm", "other_origin_z_mm", "other_mu_d_mm", "other_mu_rho")


class HybridSettings(LbfgsSettings, DirectMethodSettings):
    """Settings of ``hybrid``."""

    inverter: Literal["hybrid"] = Field(description="`hybrid`.")


class Hybrid(AbstractInverter[HybridSettings]):
    """The better of direct estimate and refined estimate.

    Better means the lower loss of the surrogate's prediction on the observation. The truth plays no part: it is not
    known for a patient.
    """

    settings_type: ClassVar[type[HybridSettings]] = HybridSettings
    keeps_other: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Predict, descend from there, keep the better."""
        from gliofit.invert.direct_estimate import direct_theta
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        origin = self.settings.origin
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        direct, clipped = direct_theta(problem, origin)
        loss_direct = float(objective.losses(direct)[0])
        outcome = minimise(
            objective, self.settings, direct, problem.held_origin_mm(origin), problem.observation.centre_mm
        )
        notes = [outcome.reason]
        if clipped:
            notes.append("the direct estimate was brought into the bounds")
        chosen: Literal["direct", "gradient"] = "gradient"
        theta, loss, other = outcome.theta, outcome.loss, direct
        status: Status = "ok" if outcome.converged else "not-converged"
        if np.isfinite(loss_direct) and loss_direct < loss:
            chosen, theta, loss, other = "direct", direct, loss_direct, outcome.theta
        return Inversion(
            theta=Theta.from_array(theta),
            loss=loss,
            trace=trace.table(),
            evaluations=len(trace),
            wall_seconds=trace.seconds,
            status=status,
            message="; ".join(notes),
            # The candidate left aside gets a final run too, so that tables can say how often the choice was right.
            other=Theta.from_array(other),
            extra={"chosen": chosen, "loss_direct": loss_direct, "loss_gradient": outcome.loss}
            | dict(zip(_OTHER, map(float, other), strict=True)),
        )
