"""Gauss-Newton with the tangents of the numerical solver, from coarse to fine voxels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.references import Kind, Reference
from gliofit.core.work import Work
from gliofit.growth.model import find_growth_model
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.base import AbstractInverter, DirectName, Inversion, InversionError, LevelSettings, MethodTrait
from gliofit.solver.settings import AccurateSettings

if TYPE_CHECKING:
    from gliofit.growth.space import ParameterSpace
    from gliofit.invert.expansion import Expansion, ExpansionObjective
    from gliofit.invert.levenberg_marquardt import Descent
    from gliofit.invert.problem import Problem
    from gliofit.invert.trace import Trace
    from gliofit.invert.uncertainty import Uncertainty

# Candidates are dropped if their loss after a level exceeds this multiple of the best loss.
_HOPELESS = 3.0
# Smallest voxel size for the measured Hessian; a Dice loss hardly depends on the voxel size.
_CURVATURE_MM = 2.0
# Loss relative to that without tumour below which no other origins are tried.
_GOOD = 1e-4


class GaussNewtonLevel(LevelSettings):
    """One level."""

    evaluations: int = Field(ge=2, description="Largest number of solver runs per candidate.")
    candidates: int = Field(1, ge=1, description="Number of candidates on this level.")
    retries: int = Field(
        0,
        ge=0,
        le=6,
        description="Descents from origins shifted by `retry_mm` if the fit is poor: the minimum may be on the wrong "
        "side of a ventricle or a sulcus.",
    )
    retry_mm: float = Field(5.0, gt=0, description="Shift of the origin along each axis for `retries`.")
    loss_tolerance: float = Field(
        1e-4,
        ge=0,
        lt=1,
        description="Convergence criterion: relative decrease of the loss that the next step predicts.",
    )


class GaussNewton(AbstractInverter):
    """Levenberg-Marquardt with the tangents of the accurate solver."""

    any_growth_model: ClassVar[bool] = True
    gives_uncertainty: ClassVar[bool] = True

    inverter: Literal["gauss-newton"] = Field(description="`gauss-newton`.")
    refines: Annotated[str, Reference(Kind.METHOD, (MethodTrait.THETA,))] | None = Field(
        None,
        description="Method of `invert.methods` whose estimate is the initial guess, instead of `start_widths_mm`.",
    )
    direct: DirectName | None = Field(
        None, description="Trained direct inverse network whose estimate is an additional initial guess."
    )
    start_widths_mm: tuple[float, ...] = Field(
        (0.6, 1.2, 2.2, 3.5, 6.0, 10.0),
        min_length=1,
        description="Front widths sqrt(D / rho) to start from; each start grows, at the centre of mass, to the "
        "volume of the observation.",
    )
    levels: tuple[GaussNewtonLevel, ...] = Field(
        (
            GaussNewtonLevel(spacing_mm=4.0, evaluations=12, candidates=3, tolerance=1e-2, imaging_width=0.15),
            GaussNewtonLevel(
                spacing_mm=2.0, evaluations=12, candidates=2, retries=2, tolerance=5e-3, imaging_width=0.1
            ),
            GaussNewtonLevel(spacing_mm=1.0, evaluations=20, candidates=1, loss_tolerance=1e-5),
        ),
        min_length=1,
        description="Levels from coarse to fine; levels finer than the case are combined.",
    )
    correlation_mm: float = Field(
        16.0, gt=0, description="Residuals farther apart count as independent in the covariance of theta."
    )
    integrator: AccurateSettings = Field(default_factory=AccurateSettings, description="The forward solver.")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Solutions with tangents of every candidate; a fifth of them is usual, as descents converge early."""
        levels = [
            self.integrator.work(max(level.spacing_mm, spacing_mm), tangents=True).times(
                level.evaluations * (level.candidates + level.retries), 0.2 * level.evaluations * level.candidates
            )
            for level in self.levels
        ]
        return Work.total(levels)

    def invert(self, problem: Problem) -> Inversion:
        """Search, and compute the uncertainty of the estimate."""
        trace = problem.start_trace()
        objective, best, end = self._search(problem, trace)
        uncertainty = self._uncertainty(objective, end, problem)
        message = "; ".join([f"{objective.spacing_mm:g} mm: {best.reason}", *uncertainty.notes])
        return trace.finish(
            end.theta, end.loss, best.converged, message, uncertainty=uncertainty, extra=_thresholds(objective, end)
        )

    def _search(self, problem: Problem, trace: Trace) -> tuple[ExpansionObjective, Descent, Expansion]:
        """Descend from several initial guesses on the coarsest level and continue with the best on finer levels.

        Return the objective of the last level, the best descent on it, and its end with the origins in order.
        """
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.solver.accurate import AccurateSolver

        move = self.origin != "com-fixed"
        thetas: list[NDArray[np.float64]] = []
        best: Descent | None = None
        for number, level in enumerate(self._levels(problem), 1):
            solver = AccurateSolver(self.integrator.with_tolerance(level.tolerance))
            objective = ExpansionObjective(problem, trace, solver, level.spacing_mm, level.imaging_width, number)
            if number == 1:
                if problem.model.simpler is not None:
                    thetas = self._from_simpler(objective, problem)
                else:
                    thetas = self._estimated_starts(problem)
                    if self.refines is None:
                        thetas += self._front_width_starts(objective, problem)
            starts = [_expand_in_tissue(objective, theta, move) for theta in thetas]
            # Before the first descent, candidates are not dropped for a high loss.
            distinct = _distinct(problem.space, starts, np.inf if best is None else _HOPELESS)
            descents = self._descend(objective, distinct[: level.candidates], problem, level)
            # Without descents, thin tissue may only appear at finer resolution.
            if descents:
                best = descents[0]
                thetas = [e.theta for e in _distinct(problem.space, [d.best for d in descents], _HOPELESS)]
        if best is None or not descents:
            raise InversionError("no initial guess lies in tissue")
        end, ordered = best.best, problem.model.in_order(best.best.theta)
        if not np.array_equal(ordered, end.theta):
            end = objective.expand(ordered) or end
        return objective, best, end

    def _uncertainty(self, objective: ExpansionObjective, end: Expansion, problem: Problem) -> Uncertainty:
        """Compute the uncertainty of the estimate, for a segmentation with the measured Hessian."""
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.invert.trace import Trace
        from gliofit.invert.uncertainty import measured_hessian, uncertainty_of
        from gliofit.observation.observation import ConcentrationObservation

        arguments = problem.bounds, problem.free(self.origin), self.correlation_mm
        first = uncertainty_of(objective, end, *arguments)
        if isinstance(problem.observation, ConcentrationObservation):
            return first
        trace, spacing = Trace(problem.space), max(objective.spacing_mm, _CURVATURE_MM)
        coarse = ExpansionObjective(problem, trace, objective.solver, spacing)
        hessian = measured_hessian(coarse, end.theta, first.standard_errors)
        objective.trace.count(len(trace))
        return first if hessian is None else uncertainty_of(objective, end, *arguments, hessian)

    def _estimated_starts(self, problem: Problem) -> list[NDArray[np.float64]]:
        """Return the estimates of the method to refine and of a direct inverse network."""
        thetas = []
        if self.refines is not None:
            if problem.start is None:
                raise InversionError(f"'{self.refines}' has no estimate to refine")
            thetas.append(problem.bounds.clip(problem.start.to_array()))
        if self.direct is not None:
            from gliofit.invert.surrogate_objective import direct_theta

            thetas.append(direct_theta(problem, self.origin)[0])
        if self.origin == "com-fixed":
            for theta in thetas:
                theta[:3] = problem.observation.centre_mm
        return thetas

    def _from_simpler(self, objective: ExpansionObjective, problem: Problem) -> list[NDArray[np.float64]]:
        """Fit the simpler model, and add its missing parameters: an origin where that fit misses tumour, or another."""
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.invert.extension import extended, missed_places
        from gliofit.invert.trace import Trace

        assert problem.model.simpler is not None
        simpler = problem.with_model(find_growth_model(problem.model.simpler))
        trace = simpler.start_trace()
        fit = self.model_copy(update={"levels": self.levels[:-1] or self.levels})._search(simpler, trace)[2]
        objective.trace.count(len(trace))
        level = self._levels(problem)[0]
        coarse = ExpansionObjective(simpler, Trace(simpler.space), objective.solver, level.spacing_mm)
        end = coarse.expand(fit.theta)
        if end is None:
            return []
        guesses = extended(objective, end.theta, missed_places(coarse, end))
        return [problem.bounds.clip(guess) for guess in guesses]

    def _front_width_starts(self, objective: ExpansionObjective, problem: Problem) -> list[NDArray[np.float64]]:
        """Compute one theta per front width whose tumour, at the centre of mass, has the observed volume.

        A simulation with the rates of that width stops at the observed volume; its final time determines theta.
        """
        from gliofit.core.errors import SeedOutsideTissueError
        from gliofit.invert.solver_objective import distance_to_tissue_mm

        centre, tissue = problem.observation.centre_mm, objective.tissue
        if self.origin != "com-fixed":
            distance, nearest = distance_to_tissue_mm(tissue.mask, tissue.grid, centre)
            centre = centre if distance <= objective.spacing_mm else nearest
        thetas = []
        volume = problem.observation.volume_mm3
        for width in self.start_widths_mm:
            fastest = problem.model.of_front_width(centre, width, problem.bounds)
            try:
                solution = objective.solver.solve(tissue, fastest, stopping_volume_mm3=volume)
            except SeedOutsideTissueError:
                continue
            objective.trace.count()
            fraction = max(solution.final_time_days / DURATION_DAYS, 1e-3)
            thetas.append(problem.bounds.clip(fastest.at_fraction(fraction).to_array()))
        return thetas

    def _descend(
        self, objective: ExpansionObjective, starts: list[Expansion], problem: Problem, level: GaussNewtonLevel
    ) -> list[Descent]:
        """Return the descents of a level, sorted by loss."""
        from gliofit.invert.levenberg_marquardt import descend

        descents: list[Descent] = []
        free = problem.free(self.origin)

        def descend_from(start: Expansion) -> None:
            limits = problem.bounds, level.evaluations, free, level.loss_tolerance
            descents.append(descend(objective, start, *limits, others=descents))
            descents.sort(key=lambda descent: descent.best.loss)

        for start in starts:
            descend_from(start)
            if descents[0].reason == "exact fit":
                return descents
        if descents and free[0] and level.retries and descents[0].best.loss > _GOOD * objective.without_tumour:
            theta = descents[0].best.theta
            offsets = level.retry_mm * np.concatenate([np.eye(3), -np.eye(3)])
            thetas = [problem.bounds.clip(np.append(theta[:3] + offset, theta[3:])) for offset in offsets]
            shifted = [e for e in map(objective.expand, thetas) if e is not None]
            for start in sorted(shifted, key=lambda e: e.loss)[: level.retries]:
                descend_from(start)
        return descents

    def _levels(self, problem: Problem) -> list[GaussNewtonLevel]:
        """Return the levels coarser than the case, and the last level, which replaces all finer ones."""
        case_mm = problem.tissue.grid.isotropic_spacing_mm
        levels = self.levels
        coarser = [level for level in levels[:-1] if level.spacing_mm > max(case_mm, levels[-1].spacing_mm) * 1.01]
        if not coarser:
            # A single level compares all candidates.
            most = {name: max(getattr(level, name) for level in levels) for name in ("candidates", "retries")}
            return [levels[-1].model_copy(update=most)]
        # The last level takes over the retries of the levels that it replaces.
        retries = max(level.retries for level in levels[len(coarser) :])
        return [*coarser, levels[-1].model_copy(update={"retries": retries})]


def _expand_in_tissue(objective: ExpansionObjective, theta: NDArray[np.float64], move: bool) -> Expansion | None:
    """Expand about theta, or about the nearest tissue voxel: an origin in coarse tissue may be outside finer tissue."""
    from gliofit.invert.solver_objective import distance_to_tissue_mm

    expansion = objective.expand(theta)
    if expansion is None and move:
        nearest = distance_to_tissue_mm(objective.tissue.mask, objective.tissue.grid, theta[:3])[1]
        expansion = objective.expand(np.append(nearest, theta[3:]))
    return expansion


def _thresholds(objective: ExpansionObjective, end: Expansion) -> dict[str, float]:
    """Return the thresholds of the imaging model as columns of the results row."""
    from gliofit.observation.likelihood import SegmentationLikelihood

    if not isinstance(objective.likelihood, SegmentationLikelihood):
        return {}
    thresholds = objective.likelihood.thresholds(objective.prediction(end.c))
    return dict(zip(("threshold_whole", "threshold_core"), thresholds, strict=False))


def _distinct(space: ParameterSpace, expansions: Iterable[Expansion | None], hopeless: float) -> list[Expansion]:
    """Sort by loss; drop None, duplicates, and losses above ``hopeless`` times the best one."""
    from gliofit.invert.levenberg_marquardt import are_same

    distinct: list[Expansion] = []
    for expansion in sorted((e for e in expansions if e is not None), key=lambda e: e.loss):
        if distinct and expansion.loss > hopeless * distinct[0].loss:
            break
        if not any(are_same(space, expansion.theta, other.theta) for other in distinct):
            distinct.append(expansion)
    return distinct
