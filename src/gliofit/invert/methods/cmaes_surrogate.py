"""CMA-ES on the neural surrogate, its gradients ignored (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gliofit.invert.base import AbstractInverter, Inversion, SurrogateMethodSettings
from gliofit.invert.cma_es import CmaSearch, CmaSettings
from gliofit.theta import Theta

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem

__all__ = ["CmaesSurrogate", "CmaesSurrogateSettings"]


class CmaesSurrogateSettings(CmaSettings, SurrogateMethodSettings):
    """Settings of ``cmaes-surrogate``."""

    inverter: Literal["cmaes-surrogate"] = Field(description="`cmaes-surrogate`.")
    evaluations: int = Field(1000, ge=4, description="Most runs of the surrogate.")


class CmaesSurrogate(AbstractInverter[CmaesSurrogateSettings]):
    """Derivative-free search through the surrogate; a generation is one batch."""

    settings_type: ClassVar[type[CmaesSurrogateSettings]] = CmaesSurrogateSettings

    def invert(self, problem: Problem) -> Inversion:
        """Search from the centre of mass."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        search = CmaSearch(self.settings, problem, objective.bounds)
        outcome = search.run(objective, self.settings.evaluations)
        return Inversion(
            theta=Theta.from_array(outcome.theta),
            loss=outcome.loss,
            trace=trace.table(),
            evaluations=len(trace),
            wall_seconds=trace.seconds,
            status="ok" if outcome.converged else "not-converged",
            message=outcome.reason,
        )
