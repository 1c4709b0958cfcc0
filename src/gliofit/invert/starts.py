"""Default initial guesses: one theta per front width, simulated until the observed volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.solver_objective import distance_to_tissue_mm

if TYPE_CHECKING:
    from gliofit.invert.expansion import ExpansionObjective
    from gliofit.invert.problem import Problem

__all__ = ["front_width_starts"]


def front_width_starts(
    objective: ExpansionObjective, problem: Problem, widths_mm: tuple[float, ...], held: NDArray[np.float64] | None
) -> list[NDArray[np.float64]]:
    """Compute one theta per front width whose tumour, at the centre of mass, has the observed volume.

    A simulation with the rates of that width stops at the observed volume; its final time determines theta.
    """
    centre = problem.observation.centre_mm
    if held is None:
        distance, nearest = distance_to_tissue_mm(objective.tissue.mask, objective.tissue.grid, centre)
        centre = centre if distance <= objective.spacing_mm else nearest
    starts = []
    for width in widths_mm:
        fastest = problem.model.of_front_width(centre, width, problem.bounds)
        try:
            solution = objective.solver.solve(
                objective.tissue, fastest, stopping_volume_mm3=problem.observation.volume_mm3
            )
        except SeedOutsideTissueError:
            continue
        objective.trace.count()
        fraction = max(solution.final_time_days / DURATION_DAYS, 1e-3)
        starts.append(problem.bounds.clip(fastest.at_fraction(fraction).to_array()))
    return starts
