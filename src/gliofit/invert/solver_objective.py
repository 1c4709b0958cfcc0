"""Loss of theta through a forward solver, for searches without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Grid
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.invert.level_objective import LevelObjective
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace
from gliofit.solver.base import AbstractForwardSolver

__all__ = ["SolverObjective", "distance_to_tissue_mm"]

#: Simulations stop when the tumour exceeds this multiple of the observed volume ...
_HOPELESS_RATIO = 20.0
#: ... and this volume. Such candidates need only a rank, and large tumours are the most expensive.
_HOPELESS_MM3 = 1e5


class SolverObjective(LevelObjective[AbstractForwardSolver]):
    """Loss of theta with a numerical solver as forward model."""

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        solver: AbstractForwardSolver,
        spacing_mm: float,
        imaging_width: float | None = None,
    ) -> None:
        super().__init__(problem, trace, solver, spacing_mm, imaging_width)
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
    # A box about the point almost always contains the nearest voxel and is fast on large grids.
    for reach in (30.0, np.inf):
        voxels = _voxels_near(mask, grid, point_mm, reach)
        if len(voxels):
            positions: NDArray[np.float64] = grid.voxel_to_world(voxels)
            distances = np.linalg.norm(positions - np.asarray(point_mm, dtype=float), axis=1)
            nearest = int(distances.argmin())
            if distances[nearest] <= reach:
                return float(distances[nearest]), positions[nearest]
    raise ValueError("the mask is empty")


def _voxels_near(mask: NDArray[np.bool_], grid: Grid, point_mm: ArrayLike, reach_mm: float) -> NDArray[np.int64]:
    if not np.isfinite(reach_mm):
        return np.argwhere(mask)
    centre, reach = grid.world_to_voxel(np.asarray(point_mm, dtype=float)), reach_mm / np.array(grid.spacing_mm)
    low = np.clip(np.floor(centre - reach), 0, mask.shape).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, 0, mask.shape).astype(int)
    voxels: NDArray[np.int64] = np.argwhere(mask[tuple(map(slice, low, high))]) + low
    return voxels
