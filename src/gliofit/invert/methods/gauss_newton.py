"""Gauss-Newton on the numerical solver, with its exact tangents, from coarse to fine voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.invert.base import AbstractInverter, Inversion, InversionError, MethodSettings
from gliofit.settings import Settings
from gliofit.solver.settings import AccurateSettings

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective
    from gliofit.invert.problem import Problem

__all__ = ["GaussNewton", "GaussNewtonLevel", "GaussNewtonSettings"]

# A candidate is given up where its loss after a level is this many times the best one's.
_HOPELESS = 3.0
# Candidates that differ by less than this are one: mm, and logarithms of mu_D and mu_rho.
_SAME = np.array([2.0, 2.0, 2.0, 0.05, 0.03])


class GaussNewtonLevel(Settings):
    """One voxel size."""

    spacing_mm: float = Field(gt=0, description="Voxel size; the nearest whole multiple of the case's own is taken.")
    evaluations: int = Field(ge=2, description="Most solver runs per candidate.")
    candidates: int = Field(1, ge=1, description="Candidates that are followed on this level.")
    borrow: int = Field(
        0, ge=0, description="Steps in a row that may use the derivatives of an earlier one: cheaper near the minimum."
    )
    tolerance: float | None = Field(
        None, gt=0, le=0.1, description="Tolerance of the solver on this level, where it differs from the integrator's."
    )
    imaging_width: float | None = Field(
        None,
        ge=0.005,
        le=0.3,
        description="Width of the imaging model on this level, where it differs from `invert.imaging.width`; a wide "
        "one smooths the landscape.",
    )


class GaussNewtonSettings(MethodSettings):
    """Settings of ``gauss-newton``."""

    inverter: Literal["gauss-newton"] = Field(description="`gauss-newton`.")
    start_widths_mm: tuple[float, ...] = Field(
        (0.6, 1.2, 2.2, 3.5, 6.0, 10.0),
        min_length=1,
        description="Front widths mu_D / mu_rho to start from; each start grows, at the centre of mass, to the "
        "volume of the observation.",
    )
    levels: tuple[GaussNewtonLevel, ...] = Field(
        (
            GaussNewtonLevel(spacing_mm=4.0, evaluations=12, candidates=3, tolerance=1e-2, imaging_width=0.15),
            GaussNewtonLevel(spacing_mm=2.0, evaluations=12, candidates=2, tolerance=5e-3, imaging_width=0.1),
            GaussNewtonLevel(spacing_mm=1.0, evaluations=20, candidates=1, borrow=2),
        ),
        min_length=1,
        description="Levels from coarse to fine; levels finer than the case fall together with its own.",
    )
    integrator: AccurateSettings = Field(default_factory=AccurateSettings, description="The forward solver.")


class GaussNewton(AbstractInverter[GaussNewtonSettings]):
    """Levenberg-Marquardt through the accurate solver's tangents."""

    settings_type: ClassVar[type[GaussNewtonSettings]] = GaussNewtonSettings

    def invert(self, problem: Problem) -> Inversion:
        """Descend from several starts on the coarsest level, and go on with the best on finer ones."""
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.invert.levenberg_marquardt import descend
        from gliofit.solver.accurate import AccurateSolver

        trace = problem.start_trace()
        held = problem.held_origin_mm(self.settings.origin)
        free = np.array([held is None] * 3 + [True, True])
        thetas: list[NDArray[np.float64]] = []
        for number, level in enumerate(self._levels(problem)):
            solver = AccurateSolver(self.settings.integrator.with_tolerance(level.tolerance))
            objective = ExpansionObjective(problem, trace, solver, level.spacing_mm, level.imaging_width)
            # Levels may fall together on coarse cases; the number keeps their losses apart.
            objective.level = f"{number + 1}: {objective.spacing_mm:g} mm"
            if number == 0:
                thetas = _starts(objective, problem, self.settings.start_widths_mm, held)
            found = [e for e in (objective.expand(theta) for theta in thetas) if e is not None]
            if not found:
                raise InversionError("no start lies in tissue")
            # Before any descent a high loss says little about where it leads.
            found = _distinct(found, np.inf if number == 0 else _HOPELESS)[: level.candidates]
            descents = []
            for start in found:
                descents.append(descend(objective, start, problem.bounds, level.evaluations, free, level.borrow))
                if descents[-1].reason == "exact fit":
                    break
            descents.sort(key=lambda descent: descent.best.loss)
            best = descents[0]
            thetas = [e.theta for e in _distinct([d.best for d in descents], _HOPELESS)]
        return trace.finish(
            best.best.theta, best.best.loss, best.converged, f"{objective.spacing_mm:g} mm: {best.reason}"
        )

    def _levels(self, problem: Problem) -> list[GaussNewtonLevel]:
        """Levels down to the case's own voxel size, the last of them with the imaging model's own width."""
        own = problem.tissue.grid.isotropic_spacing_mm
        levels = self.settings.levels
        coarser = [level for level in levels[:-1] if level.spacing_mm > max(own, levels[-1].spacing_mm) * 1.01]
        if not coarser:
            # All starts are compared on the one level there is.
            most = max(level.candidates for level in levels)
            return [levels[-1].model_copy(update={"candidates": most})]
        return [*coarser, levels[-1]]


def _distinct(expansions: list[Expansion], hopeless: float) -> list[Expansion]:
    """The best first, without those that equal a better one or lose ``hopeless`` times as much as the best."""
    kept: list[Expansion] = []
    for one in sorted(expansions, key=lambda e: e.loss):
        logs = np.array([1.0, 1.0, 1.0, one.theta[3], one.theta[4]])
        if kept and one.loss > hopeless * kept[0].loss:
            break
        if all((np.abs(one.theta - other.theta) > _SAME * logs).any() for other in kept):
            kept.append(one)
    return kept


def _starts(
    objective: ExpansionObjective, problem: Problem, widths_mm: tuple[float, ...], held: NDArray[np.float64] | None
) -> list[NDArray[np.float64]]:
    """One theta per front width whose tumour, at the centre of mass, has the volume of the observation.

    A run with the ratio mu_D / mu_rho of the width that stops at the volume tells the time at which it has it, and
    with it both.
    """
    from gliofit.errors import SeedOutsideTissueError
    from gliofit.invert.solver_objective import distance_to_tissue_mm
    from gliofit.theta import Theta

    centre = problem.observation.centre_mm
    if held is None:
        distance, nearest = distance_to_tissue_mm(objective.tissue.mask, objective.tissue.grid, centre)
        centre = centre if distance <= objective.spacing_mm else nearest
    most_d, most_rho = problem.bounds.upper[3:]
    starts = []
    for width in widths_mm:
        mu_rho = min(most_rho, most_d / width)
        planned = Theta((centre[0], centre[1], centre[2]), width * mu_rho, mu_rho)
        try:
            solution = objective.solver.solve(
                objective.tissue, planned, stopping_volume_mm3=problem.observation.volume_mm3
            )
        except SeedOutsideTissueError:
            continue
        share = max(solution.final_time_days / 100.0, 1e-3)
        starts.append(problem.bounds.clip(planned.at_fraction(share).to_array()))
    return starts
