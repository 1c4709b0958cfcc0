"""Theta read directly by a network from concentration and tissue (paper, section 2.4: direct inverse prediction)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from gliofit.core.work import Work, cubes
from gliofit.invert.base import AbstractInverter, DirectMethodSettings, Inversion

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem

__all__ = ["Direct", "DirectSettings"]


class DirectSettings(DirectMethodSettings):
    """Settings of ``direct``. Where nothing is searched, `com-fixed` and `com-swap` are the same."""

    inverter: Literal["direct"] = Field(description="`direct`.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """One prediction."""
        return Work.of("prediction", cubes(cube))


class Direct(AbstractInverter[DirectSettings]):
    """One pass through the direct inverse network."""

    settings_type: ClassVar[type[DirectSettings]] = DirectSettings

    def invert(self, problem: Problem) -> Inversion:
        """Read theta from the observation; no forward model runs, so there is no loss."""
        from gliofit.invert.direct_estimate import direct_theta

        trace = problem.start_trace()
        theta, clipped = direct_theta(problem, self.settings.origin)
        message = "the network's estimate was brought into the bounds" if clipped else ""
        return trace.finish(theta, np.nan, True, message)
