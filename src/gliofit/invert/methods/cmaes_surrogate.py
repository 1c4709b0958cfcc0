"""CMA-ES on the neural surrogate, without its gradients (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gliofit.core.work import Work, cubes
from gliofit.invert.base import AbstractInverter, Inversion, SurrogateMethodSettings
from gliofit.invert.cma_es import CmaSearch, CmaSettings

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class CmaesSurrogateSettings(CmaSettings, SurrogateMethodSettings):
    """Settings of ``cmaes-surrogate``."""

    inverter: Literal["cmaes-surrogate"] = Field(description="`cmaes-surrogate`.")
    evaluations: int = Field(1000, ge=4, description="Largest number of surrogate evaluations.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Predictions of the surrogate."""
        return Work.of("prediction", self.evaluations * cubes(cube))

    @property
    def most_evaluations(self) -> int:
        """Initial guesses and evaluations of the search."""
        return len(self.starts) + self.evaluations


class CmaesSurrogate(AbstractInverter[CmaesSurrogateSettings]):
    """Derivative-free search with the surrogate; a generation is one batch."""

    settings_type: ClassVar[type[CmaesSurrogateSettings]] = CmaesSurrogateSettings

    def invert(self, problem: Problem) -> Inversion:
        """Search from the centre of mass."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        search = CmaSearch(self.settings, problem, objective.bounds, objective)
        outcome = search.run(objective, self.settings.evaluations)
        return trace.finish(outcome.theta, outcome.loss, outcome.converged, outcome.reason)
