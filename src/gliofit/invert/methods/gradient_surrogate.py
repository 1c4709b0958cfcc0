"""L-BFGS through the neural surrogate from a fixed initial guess (paper, section 2.4 and algorithm 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from gliofit.invert.base import Inversion
from gliofit.invert.lbfgs import LbfgsInverter, minimise

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class GradientSurrogate(LbfgsInverter):
    """Descent with the surrogate's gradients."""

    inverter: Literal["gradient-surrogate"] = Field(description="`gradient-surrogate`.")
    start: Literal["training-mean"] | tuple[float, float, float, float, float] = Field(
        "training-mean",
        description="First theta: the mean of the surrogate's training set, or five numbers (origin relative to the "
        "centre of mass towards right, front, top in mm; then the growth parameters), for example the paper's "
        "[0, 0, 0, 12.8, 3.8].",
    )

    def invert(self, problem: Problem) -> Inversion:
        """Descend from the initial guess."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        centre = problem.observation.centre_mm
        objective = SurrogateObjective(problem, trace, self.training_range)
        if self.start == "training-mean":
            start = objective.training_mean
        else:
            start = np.array([*centre, 0.0, 0.0]) + np.array(self.start)
        start = problem.starting_at(self.origin, start)
        return trace.finish(*minimise(objective, self, start, problem.held_origin_mm(self.origin), centre))
