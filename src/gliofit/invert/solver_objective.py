"""Loss of theta through a forward solver, on the voxels of a level."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace
from gliofit.observation.likelihood import SegmentationLikelihood
from gliofit.solver.base import AbstractForwardSolver
from gliofit.solver.seed import SEED_REACH_MM

#: Simulations stop when the tumour exceeds this multiple of the observed volume ...
_HOPELESS_RATIO = 20.0
#: ... and this volume. Such candidates need only a rank, and large tumours are the most expensive.
_HOPELESS_MM3 = 1e5

SolverT = TypeVar("SolverT", bound=AbstractForwardSolver)


class LevelObjective(Generic[SolverT]):
    """Tissue, solver and likelihood of a problem on one level.

    Parameters
    ----------
    spacing_mm
        Voxel size; the nearest whole multiple of the case's voxel size is used.
    imaging_width
        Width of the imaging model, by default that of the observation; a large width smooths the loss.
    number
        Number of the level, which distinguishes levels that have the same voxel size on coarse cases.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        solver: SolverT,
        spacing_mm: float,
        imaging_width: float | None = None,
        number: int | None = None,
    ) -> None:
        tissue = problem.tissue.canonical()
        case_mm = tissue.grid.isotropic_spacing_mm
        self.factor = max(1, round(spacing_mm / case_mm))
        self.tissue, self.spacing_mm = tissue.coarsen(self.factor), case_mm * self.factor
        self.space, self.solver, self.trace = problem.space, solver, trace
        self.level = ("" if number is None else f"{number}: ") + f"{self.spacing_mm:g} mm"
        self.likelihood = problem.observation.likelihood(self._reduce)
        if imaging_width is not None and isinstance(self.likelihood, SegmentationLikelihood):
            self.likelihood.width = imaging_width

    def _reduce(self, volume: Volume) -> Volume:
        """Resample a volume of the case to the grid of the likelihood."""
        return volume.canonical().coarsen(self.factor)


class SolverObjective(LevelObjective[AbstractForwardSolver]):
    """Loss of theta with a numerical solver as forward model, for searches without gradients."""

    def __init__(self, problem: Problem, *arguments: Any, **keys: Any) -> None:
        super().__init__(problem, *arguments, **keys)
        self._share = self.likelihood.share.numpy()
        self.scale = max(self.likelihood.without_tumour(), 1e-12)
        # Upper bound of the loss, so that a seed outside tissue ranks last.
        self._worst = self.likelihood.without_tumour() + self.likelihood.saturated()
        self._stopping_volume = max(_HOPELESS_MM3, _HOPELESS_RATIO * problem.observation.volume_mm3)

    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Return losses, shape (B,), of parameters of shape (B, n)."""
        return np.array([self._loss(theta) for theta in np.atleast_2d(thetas)])

    def _loss(self, theta: NDArray[Any]) -> float:
        try:
            solution = self.solver.solve(
                self.tissue, Theta.from_array(theta, self.space), stopping_volume_mm3=self._stopping_volume
            )
        except SeedOutsideTissueError:
            # Increasing with the distance, so that the search returns to tissue.
            loss = self._worst * (2 + distance_to_tissue_mm(self.tissue.mask, self.tissue.grid, theta[:3])[0] / 10)
        else:
            prediction = torch.from_numpy(solution.concentration.astype(np.float32, copy=False) * self._share)
            loss = float(self.likelihood(prediction[None])[0])
            if solution.stopped_by == "volume":
                loss += self._worst * (1 - solution.final_time_days / DURATION_DAYS)
        self.trace.add(theta, loss, self.level)
        return loss


def distance_to_tissue_mm(
    mask: NDArray[np.bool_], grid: Grid, point_mm: ArrayLike
) -> tuple[float, NDArray[np.float64]]:
    """Return the distance from a world position to the nearest voxel centre of a mask, and that centre (world mm)."""
    point = np.asarray(point_mm, dtype=float)
    # A box about the point almost always contains the nearest voxel and is fast on large grids.
    for reach in (30.0, np.inf):
        extent = reach / np.array(grid.spacing_mm)
        low = np.clip(np.floor(grid.world_to_voxel(point) - extent), 0, mask.shape).astype(int)
        high = np.clip(np.ceil(grid.world_to_voxel(point) + extent) + 1, 0, mask.shape).astype(int)
        voxels = np.argwhere(mask[tuple(map(slice, low, high))]) + low
        if len(voxels):
            positions = grid.voxel_to_world(voxels)
            distances = np.linalg.norm(positions - point, axis=1)
            nearest = int(distances.argmin())
            if distances[nearest] <= reach:
                return float(distances[nearest]), positions[nearest]
    raise ValueError("the mask is empty")


def locate_origin(tissue: Tissue, origin_mm: ArrayLike) -> tuple[float, NDArray[np.float64] | None]:
    """Locate an origin relative to white and grey matter.

    Returns
    -------
    distance : float
        Distance to the nearest voxel centre of tissue in mm, zero within a voxel of tissue.
    target : ndarray or None
        That voxel centre (world mm, shape (3,)) if the initial tumour does not reach tissue.
    """
    distance, nearest = distance_to_tissue_mm(tissue.mask, tissue.grid, origin_mm)
    spacing = max(tissue.grid.spacing_mm)
    if distance <= np.sqrt(3) / 2 * spacing:
        return 0.0, None
    # Half a voxel less than the seed's radius, so that the seed overlaps the voxel.
    return distance, nearest if distance > SEED_REACH_MM - spacing / 2 else None
