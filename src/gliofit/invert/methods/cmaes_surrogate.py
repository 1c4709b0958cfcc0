"""CMA-ES on the neural surrogate, without its gradients (paper, section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gliofit.core.work import Work, cubes
from gliofit.invert.base import Inversion, SurrogateInverter
from gliofit.invert.cma_es import CmaInverter, CmaSearch

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class CmaesSurrogate(CmaInverter, SurrogateInverter):
    """Derivative-free search with the surrogate; a generation is one batch."""

    inverter: Literal["cmaes-surrogate"] = Field(description="`cmaes-surrogate`.")
    evaluations: int = Field(1000, ge=4, description="Largest number of surrogate evaluations.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Predictions of the surrogate."""
        return Work.of("prediction", self.evaluations * cubes(cube))

    @property
    def most_evaluations(self) -> int:
        """Initial guesses and evaluations of the search."""
        return len(self.starts) + self.evaluations

    def invert(self, problem: Problem) -> Inversion:
        """Search from the centre of mass."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        objective = SurrogateObjective(problem, trace, self.training_range)
        search = CmaSearch(self, problem, objective.bounds, objective)
        return trace.finish(*search.run(objective, self.evaluations))
