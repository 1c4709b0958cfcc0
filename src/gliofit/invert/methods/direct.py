"""Prediction of theta from concentration and tissue by a network (paper, section 2.4: direct inverse prediction)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from gliofit.core.work import Work, cubes
from gliofit.invert.base import DirectInverter, Inversion

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class Direct(DirectInverter):
    """One evaluation of the direct inverse network. Without a search, `com-fixed` and `com-swap` are equivalent."""

    inverter: Literal["direct"] = Field(description="`direct`.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """One prediction."""
        return Work.of("prediction", cubes(cube))

    def invert(self, problem: Problem) -> Inversion:
        """Predict theta; the loss is NaN without a forward model."""
        from gliofit.invert.surrogate_objective import direct_theta

        trace = problem.start_trace()
        theta, clipped = direct_theta(problem, self.origin)
        return trace.finish(theta, np.nan, True, "the network's estimate was clipped to the bounds" if clipped else "")
