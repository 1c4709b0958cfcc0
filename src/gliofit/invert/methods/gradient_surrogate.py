"""L-BFGS through the neural surrogate from a fixed initial guess (paper, section 2.4 and algorithm 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from gliofit.invert.base import AbstractInverter, Inversion
from gliofit.invert.lbfgs import LbfgsSettings, minimise

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class GradientSurrogateSettings(LbfgsSettings):
    """Settings of ``gradient-surrogate``."""

    inverter: Literal["gradient-surrogate"] = Field(description="`gradient-surrogate`.")
    start: Literal["training-mean"] | tuple[float, float, float, float, float] = Field(
        "training-mean",
        description="First theta: the mean of the surrogate's training set, or five numbers (origin relative to the "
        "centre of mass towards right, front, top in mm; then the growth parameters), for example the paper's "
        "[0, 0, 0, 12.8, 3.8].",
    )


class GradientSurrogate(AbstractInverter[GradientSurrogateSettings]):
    """Descent with the surrogate's gradients."""

    settings_type: ClassVar[type[GradientSurrogateSettings]] = GradientSurrogateSettings

    def invert(self, problem: Problem) -> Inversion:
        """Descend from the initial guess."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        centre = problem.observation.centre_mm
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        if self.settings.start == "training-mean":
            start = objective.training_mean
        else:
            start = np.array([*centre, 0.0, 0.0]) + np.array(self.settings.start)
        start = problem.starting_at(self.settings.origin, start)
        outcome = minimise(objective, self.settings, start, problem.held_origin_mm(self.settings.origin), centre)
        return trace.finish(outcome.theta, outcome.loss, outcome.converged, outcome.reason)
