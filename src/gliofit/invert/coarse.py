"""A case at the voxel size of a level, with its loss there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.invert.problem import Problem
from gliofit.observation.likelihood import AbstractLikelihood, SegmentationLikelihood

__all__ = ["CoarseCase"]


@dataclass(frozen=True, eq=False)
class CoarseCase:
    """What numerical solvers see of a problem on one level.

    Parameters
    ----------
    problem
        The case.
    tissue
        Its tissue, canonical, at the voxel size of the level.
    factor
        Voxels of the case along each axis of one of the level.
    spacing_mm
        Voxel size of the level.
    """

    problem: Problem
    tissue: Tissue
    factor: int
    spacing_mm: float

    @classmethod
    def at(cls, problem: Problem, spacing_mm: float) -> CoarseCase:
        """At the whole multiple of the case's own voxel size that is nearest to ``spacing_mm``."""
        tissue = problem.tissue.canonical()
        own = tissue.grid.isotropic_spacing_mm
        factor = max(1, round(spacing_mm / own))
        return cls(problem, tissue.coarsen(factor), factor, own * factor)

    def likelihood(
        self, imaging_width: float | None = None, crop: Callable[[Volume], Volume] = lambda volume: volume
    ) -> AbstractLikelihood:
        """The observation's loss, with an imaging model of another width if given, on the part that ``crop`` leaves."""
        loss = self.problem.observation.likelihood(lambda volume: crop(volume.canonical().coarsen(self.factor)))
        if imaging_width is not None and isinstance(loss, SegmentationLikelihood):
            loss.imaging = loss.imaging.model_copy(update={"width": imaging_width})
        return loss
