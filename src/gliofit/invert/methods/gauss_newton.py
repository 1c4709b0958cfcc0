"""Gauss-Newton on the numerical solver, with its exact tangents, from coarse to fine voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.settings import Settings
from gliofit.invert.base import AbstractInverter, Inversion, InversionError, MethodSettings
from gliofit.solver.settings import AccurateSettings

if TYPE_CHECKING:
    from gliofit.growth.space import ParameterSpace
    from gliofit.invert.expansion import Expansion, ExpansionObjective
    from gliofit.invert.levenberg_marquardt import Descent
    from gliofit.invert.problem import Problem
    from gliofit.invert.uncertainty import Uncertainty

__all__ = ["GaussNewton", "GaussNewtonLevel", "GaussNewtonSettings"]

# A candidate is given up where its loss after a level is this many times the best one's.
_HOPELESS = 3.0
# Voxel size on which curvature is measured: a loss per Dice hardly depends on it.
_CURVATURE_MM = 2.0
# A loss below this share of that of no tumour needs no second try from other origins.
_GOOD = 1e-4


class GaussNewtonLevel(Settings):
    """One voxel size."""

    spacing_mm: float = Field(gt=0, description="Voxel size; the nearest whole multiple of the case's own is taken.")
    evaluations: int = Field(ge=2, description="Most solver runs per candidate.")
    candidates: int = Field(1, ge=1, description="Candidates that are followed on this level.")
    retries: int = Field(
        0,
        ge=0,
        le=6,
        description="Second tries from origins moved by `retry_mm`, where the fit is not good: a descent may have "
        "ended on the wrong side of a ventricle or a sulcus.",
    )
    retry_mm: float = Field(5.0, gt=0, description="How far, along each axis, origins are moved for them.")
    borrow: int = Field(
        0, ge=0, description="Steps in a row that may use the derivatives of an earlier one: cheaper near the minimum."
    )
    tolerance: float | None = Field(
        None, gt=0, le=0.1, description="Tolerance of the solver on this level, where it differs from the integrator's."
    )
    loss_tolerance: float = Field(
        1e-4, ge=0, lt=1, description="Relative decrease of the loss in a step that counts as none."
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

    any_growth_model: ClassVar[bool] = True

    inverter: Literal["gauss-newton"] = Field(description="`gauss-newton`.")
    refines: str | None = Field(
        None,
        description="Name of a method of `invert.methods` whose estimate is refined, in place of the fixed starts.",
    )
    direct: str | None = Field(
        None, description="Name of a trained direct inverse model whose estimate is one more start."
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
            GaussNewtonLevel(spacing_mm=1.0, evaluations=20, candidates=1, borrow=2, loss_tolerance=1e-5),
        ),
        min_length=1,
        description="Levels from coarse to fine; levels finer than the case fall together with its own.",
    )
    correlation_mm: float = Field(
        16.0,
        gt=0,
        description="Residuals farther apart than this count as independent in the covariance of theta.",
    )
    integrator: AccurateSettings = Field(default_factory=AccurateSettings, description="The forward solver.")


class GaussNewton(AbstractInverter[GaussNewtonSettings]):
    """Levenberg-Marquardt through the accurate solver's tangents."""

    settings_type: ClassVar[type[GaussNewtonSettings]] = GaussNewtonSettings
    gives_uncertainty: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Descend from several starts on the coarsest level, and go on with the best on finer ones."""
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.invert.starts import front_width_starts
        from gliofit.solver.accurate import AccurateSolver

        trace = problem.start_trace()
        held = problem.held_origin_mm(self.settings.origin)
        free = problem.space.free(held is not None)
        thetas: list[NDArray[np.float64]] = []
        best: Descent | None = None
        for number, level in enumerate(self._levels(problem)):
            solver = AccurateSolver(self.settings.integrator.with_tolerance(level.tolerance))
            objective = ExpansionObjective(problem, trace, solver, level.spacing_mm, level.imaging_width)
            # Levels may fall together on coarse cases; the number keeps their losses apart.
            objective.level = f"{number + 1}: {objective.spacing_mm:g} mm"
            if number == 0:
                thetas = self._handed_starts(problem, held)
                if self.settings.refines is None:
                    thetas += front_width_starts(objective, problem, self.settings.start_widths_mm, held)
            expanded = (_expand_in_tissue(objective, theta, held is None) for theta in thetas)
            found = [e for e in expanded if e is not None]
            # Before any descent a high loss says little about where it leads.
            found = _distinct(problem.space, found, np.inf if best is None else _HOPELESS)[: level.candidates]
            descents = self._descend(objective, found, problem, level, free)
            if not descents:
                # A slip of tissue may be there on finer voxels only.
                continue
            best = descents[0]
            thetas = [e.theta for e in _distinct(problem.space, [d.best for d in descents], _HOPELESS)]
        if best is None or not descents:
            raise InversionError("no start lies in tissue")
        end = best.best if best.best.fresh else objective.expand(best.best.theta) or best.best
        uncertainty = self._uncertainty(objective, end, problem, free)
        message = "; ".join([f"{objective.spacing_mm:g} mm: {best.reason}", *uncertainty.notes])
        return trace.finish(
            end.theta,
            end.loss,
            best.converged,
            message,
            uncertainty=uncertainty,
            extra=_thresholds(objective, end),
        )

    def _uncertainty(
        self, objective: ExpansionObjective, end: Expansion, problem: Problem, free: NDArray[np.bool_]
    ) -> Uncertainty:
        """Uncertainty of the end; of a segmentation with a Hessian measured on voxels where that is cheap."""
        from gliofit.invert.curvature import measured_hessian
        from gliofit.invert.expansion import ExpansionObjective
        from gliofit.invert.trace import Trace
        from gliofit.invert.uncertainty import uncertainty_of
        from gliofit.observation.observation import ConcentrationObservation

        keys = problem.bounds, free, self.settings.correlation_mm
        first = uncertainty_of(objective, end, *keys)
        if isinstance(problem.observation, ConcentrationObservation):
            return first
        aside = Trace(problem.space)
        spacing = max(objective.spacing_mm, _CURVATURE_MM)
        hessian = measured_hessian(
            ExpansionObjective(problem, aside, objective.solver, spacing), end.theta, first.standard_errors
        )
        objective.trace.count(len(aside))
        return first if hessian is None else uncertainty_of(objective, end, *keys, hessian)

    def _handed_starts(self, problem: Problem, held: NDArray[np.float64] | None) -> list[NDArray[np.float64]]:
        """Estimates that come from elsewhere: of the method to refine, and of a direct inverse network."""
        thetas = []
        if self.settings.refines is not None:
            if problem.start is None:
                raise InversionError(f"'{self.settings.refines}' has no estimate to refine")
            thetas.append(problem.bounds.clip(problem.start.to_array()))
        if self.settings.direct is not None:
            from gliofit.invert.direct_estimate import direct_theta

            thetas.append(direct_theta(problem, self.settings.origin)[0])
        for theta in thetas:
            if held is not None:
                theta[:3] = held
        return thetas

    @staticmethod
    def _descend(
        objective: ExpansionObjective,
        starts: list[Expansion],
        problem: Problem,
        level: GaussNewtonLevel,
        free: NDArray[np.bool_],
    ) -> list[Descent]:
        """Descents of a level, the best first."""
        from gliofit.invert.levenberg_marquardt import descend

        descents: list[Descent] = []

        def follow(start: Expansion) -> None:
            descents.append(
                descend(
                    objective, start, problem.bounds, level.evaluations, free, level.borrow,
                    loss_tolerance=level.loss_tolerance, others=descents,
                )
            )  # fmt: skip
            descents.sort(key=lambda descent: descent.best.loss)

        for start in starts:
            follow(start)
            if descents[0].reason == "exact fit":
                return descents
        if descents and free[0] and level.retries and descents[0].best.loss > _GOOD * objective.without_tumour:
            for start in _moved(objective, descents[0].best, problem, level.retry_mm)[: level.retries]:
                follow(start)
        return descents

    def _levels(self, problem: Problem) -> list[GaussNewtonLevel]:
        """Levels down to the case's own voxel size, the last of them with the imaging model's own width."""
        own = problem.tissue.grid.isotropic_spacing_mm
        levels = self.settings.levels
        coarser = [level for level in levels[:-1] if level.spacing_mm > max(own, levels[-1].spacing_mm) * 1.01]
        if not coarser:
            # All starts are compared on the one level there is.
            most = {name: max(getattr(level, name) for level in levels) for name in ("candidates", "retries")}
            return [levels[-1].model_copy(update=most)]
        # Levels that fall together with the case's own voxels leave their second tries to the finest.
        retries = max(level.retries for level in levels[len(coarser) :])
        return [*coarser, levels[-1].model_copy(update={"retries": retries})]


def _expand_in_tissue(objective: ExpansionObjective, theta: NDArray[np.float64], move: bool) -> Expansion | None:
    """Expansion about theta, or about the nearest voxel of tissue: coarse levels see tissue where finer ones do not."""
    from gliofit.invert.solver_objective import distance_to_tissue_mm

    found = objective.expand(theta)
    if found is None and move:
        nearest = distance_to_tissue_mm(objective.tissue.mask, objective.tissue.grid, theta[:3])[1]
        found = objective.expand(np.append(nearest, theta[3:]))
    return found


def _thresholds(objective: ExpansionObjective, end: Expansion) -> dict[str, float]:
    """Thresholds of the imaging model at the end, as columns of the results row."""
    from gliofit.observation.likelihood import SegmentationLikelihood

    if not isinstance(objective.likelihood, SegmentationLikelihood):
        return {}
    whole, core = objective.likelihood.thresholds(objective.seen(end))
    return {"threshold_whole": whole} | ({} if core is None else {"threshold_core": core})


def _moved(objective: ExpansionObjective, best: Expansion, problem: Problem, distance_mm: float) -> list[Expansion]:
    """The same tumour from origins moved along each axis, as far as they lie in tissue; the best first."""
    offsets = distance_mm * np.concatenate([np.eye(3), -np.eye(3)])
    thetas = [problem.bounds.clip(np.append(best.theta[:3] + offset, best.theta[3:])) for offset in offsets]
    found = [e for e in (objective.expand(theta) for theta in thetas) if e is not None]
    return sorted(found, key=lambda e: e.loss)


def _distinct(space: ParameterSpace, expansions: list[Expansion], hopeless: float) -> list[Expansion]:
    """The best first, without those that equal a better one or lose ``hopeless`` times as much as the best."""
    from gliofit.invert.levenberg_marquardt import are_same

    kept: list[Expansion] = []
    for one in sorted(expansions, key=lambda e: e.loss):
        if kept and one.loss > hopeless * kept[0].loss:
            break
        if not any(are_same(space, one.theta, other.theta) for other in kept):
            kept.append(one)
    return kept
