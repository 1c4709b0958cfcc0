"""Loss of theta through a forward solver at the voxel size of a level."""

from __future__ import annotations

from typing import Generic, TypeVar

from gliofit.core.grid import Volume
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace
from gliofit.observation.likelihood import SegmentationLikelihood
from gliofit.solver.base import AbstractForwardSolver

__all__ = ["LevelObjective"]

SolverT = TypeVar("SolverT", bound=AbstractForwardSolver)


class LevelObjective(Generic[SolverT]):
    """Tissue, solver and likelihood of a problem on one level.

    Parameters
    ----------
    problem
        Case to invert.
    trace
        Record of all evaluations.
    solver
        Forward solver.
    spacing_mm
        Voxel size; the nearest whole multiple of the case's voxel size is used.
    imaging_width
        Width of the imaging model, by default that of the observation; a large width smooths the loss.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        solver: SolverT,
        spacing_mm: float,
        imaging_width: float | None = None,
    ) -> None:
        tissue = problem.tissue.canonical()
        case_mm = tissue.grid.isotropic_spacing_mm
        self.factor = max(1, round(spacing_mm / case_mm))
        self.tissue, self.spacing_mm = tissue.coarsen(self.factor), case_mm * self.factor
        self.space, self.solver, self.trace = problem.space, solver, trace
        self.level = f"{self.spacing_mm:g} mm"
        self.likelihood = problem.observation.likelihood(self._reduce)
        if imaging_width is not None and isinstance(self.likelihood, SegmentationLikelihood):
            self.likelihood.imaging = self.likelihood.imaging.model_copy(update={"width": imaging_width})

    def _reduce(self, volume: Volume) -> Volume:
        """Resample a volume of the case to the grid of the likelihood."""
        return volume.canonical().coarsen(self.factor)
