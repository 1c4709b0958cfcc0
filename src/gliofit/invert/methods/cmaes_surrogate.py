"""CMA-ES on the neural surrogate, its gradients ignored (paper, section 2.4)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gliofit.invert.base import AbstractInverter, Inversion, NetworkMethodSettings
from gliofit.invert.cma_es import CmaSettings, cma_variables, minimise
from gliofit.invert.problem import Problem
from gliofit.theta import Theta

__all__ = ["CmaesSurrogate", "CmaesSurrogateSettings"]


class CmaesSurrogateSettings(CmaSettings, NetworkMethodSettings):
    """Settings of ``cmaes-surrogate``."""

    inverter: Literal["cmaes-surrogate"] = Field(description="`cmaes-surrogate`.")
    evaluations: int = Field(1000, ge=4, description="Most runs of the surrogate.")


class CmaesSurrogate(AbstractInverter[CmaesSurrogateSettings]):
    """Derivative-free search through the surrogate; a generation is one batch."""

    settings_type: ClassVar[type[CmaesSurrogateSettings]] = CmaesSurrogateSettings
    needs_surrogate: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Search from the centre of mass."""
        from gliofit.invert.surrogate_objective import SurrogateObjective

        trace = problem.start_trace()
        objective = SurrogateObjective(problem, trace, self.settings.training_range)
        variables, start, sigma, tolerance = cma_variables(self.settings, problem, objective.bounds)
        outcome = minimise(
            objective, variables, start, sigma, self.settings, self.settings.evaluations, problem.seed, tolerance
        )
        return Inversion(
            theta=Theta.from_array(outcome.theta),
            loss=outcome.loss,
            trace=trace.table(),
            evaluations=len(trace),
            wall_seconds=trace.seconds,
            status="ok" if outcome.converged else "not-converged",
            message=outcome.reason,
        )
