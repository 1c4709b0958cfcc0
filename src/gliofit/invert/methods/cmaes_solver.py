"""CMA-ES on the numerical solver (paper, section 2.4: the classical baseline), from coarse to fine voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.work import Work
from gliofit.invert.base import Inversion, LevelSettings, PatientObservation
from gliofit.invert.cma_es import CmaInverter, CmaSearch
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem


class Level(LevelSettings):
    """One level of the schedule."""

    evaluations: int = Field(ge=4, description="Largest number of solver runs.")
    sigma: float = Field(0.05, gt=0, le=1, description="Initial step size; `sigma0` on the first level.")


class CmaesSolver(CmaInverter):
    """Derivative-free search with the numerical solver."""

    any_growth_model: ClassVar[bool] = True

    inverter: Literal["cmaes-solver"] = Field(description="`cmaes-solver`.")
    patient_observation: PatientObservation | None = Field(
        "segmentation", description="Observation of patients; this method computes the `reference` concentration."
    )
    schedule: tuple[Level, ...] = Field(
        (
            Level(spacing_mm=4.0, evaluations=400, tolerance=0.01, imaging_width=0.15),
            Level(spacing_mm=2.0, evaluations=160, sigma=0.05),
        ),
        min_length=1,
        description="Levels from coarse to fine; each continues the search of the previous one.",
    )
    finalists: int = Field(
        5, ge=1, description="Best candidates of the previous level that are evaluated again on each level."
    )
    integrator: IntegratorSettings = Field(default_factory=AccurateSettings, description="The forward solver.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Return solver runs of every level, not finer than the case; searches usually converge earlier."""
        levels = [
            self.integrator.work(max(level.spacing_mm, spacing_mm)).times(level.evaluations, 0.7 * level.evaluations)
            for level in self.schedule
        ]
        return Work.total(levels)

    @property
    def most_evaluations(self) -> int:
        """Initial guesses, evaluations of all levels, and finalists."""
        finalists = self.finalists * (len(self.schedule) - 1)
        return len(self.starts) + sum(level.evaluations for level in self.schedule) + finalists

    def invert(self, problem: Problem) -> Inversion:
        """Search level by level; the estimate is the best candidate of the last level."""
        from gliofit.invert.solver_objective import SolverObjective
        from gliofit.solver.registry import make_solver

        trace = problem.start_trace()
        search: CmaSearch | None = None
        candidates: list[tuple[NDArray[np.float64], float]] = []
        for number, level in enumerate(self.schedule, 1):
            integrator = self.integrator
            if isinstance(integrator, AccurateSettings):
                integrator = integrator.with_tolerance(level.tolerance)
            solver = make_solver(integrator)
            objective = SolverObjective(problem, trace, solver, level.spacing_mm, level.imaging_width, number)
            if search is None:
                search = CmaSearch(self, problem, problem.bounds, objective)
            else:
                objective.losses(np.array([theta for theta, _ in candidates[: self.finalists]]))
                search.narrow(level.sigma)
            outcome = search.run(objective, level.evaluations)
            candidates = trace.ranked(objective.level)
        return trace.finish(*candidates[0], outcome.converged, f"{objective.spacing_mm:g} mm: {outcome.reason}")
