"""Loss of theta through a forward solver, on the case's tissue at a chosen voxel size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.invert.coarse import CoarseCase
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace
from gliofit.solver.base import AbstractForwardSolver

__all__ = ["SolverObjective", "distance_to_tissue_mm"]

#: Runs are given up when the tumour exceeds the observed one by this factor ...
_HOPELESS_RATIO = 20.0
#: ... and this volume: such a candidate is only ranked, and a brain full of tumour costs the most to compute.
_HOPELESS_MM3 = 1e5


class SolverObjective:
    """The problem's loss with a numerical solver as forward model.

    Parameters
    ----------
    problem
        The case.
    trace
        Gets every evaluation.
    solver
        The forward solver.
    spacing_mm
        Voxel size wanted; the nearest whole multiple of the case's own is taken.
    imaging_width
        Width of the imaging model where it is not the observation's own; a wide one smooths the landscape.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        solver: AbstractForwardSolver,
        spacing_mm: float,
        imaging_width: float | None = None,
    ) -> None:
        case = CoarseCase.at(problem, spacing_mm)
        self.factor, self.tissue, self.spacing_mm = case.factor, case.tissue, case.spacing_mm
        self.space = problem.space
        self.solver, self.trace = solver, trace
        self.level = f"{self.spacing_mm:g} mm"
        self.likelihood = case.likelihood(imaging_width)
        self._share = self.likelihood.share.numpy()
        self.scale = max(self.likelihood.without_tumour(), 1e-12)
        # No prediction can lose more than this, so that a seed outside tissue ranks behind everything.
        self._worst = self.likelihood.without_tumour() + self.likelihood.saturated()
        self._stopping_volume = max(_HOPELESS_MM3, _HOPELESS_RATIO * problem.observation.volume_mm3)

    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Losses, shape (B,), of parameters of shape (B, n)."""
        return np.array([self._loss(theta) for theta in np.atleast_2d(thetas)])

    def _loss(self, theta: NDArray[Any]) -> float:
        try:
            solution = self.solver.solve(
                self.tissue, Theta.from_array(theta, self.space), stopping_volume_mm3=self._stopping_volume
            )
        except SeedOutsideTissueError:
            # Finite and growing with the distance, so that the search still knows which way to go.
            loss = self._worst * (2 + distance_to_tissue_mm(self.tissue.mask, self.tissue.grid, theta[:3])[0] / 10)
        else:
            seen = torch.from_numpy(solution.concentration.astype(np.float32, copy=False) * self._share)
            loss = float(self.likelihood(seen[None])[0])
            if solution.stopped_by == "volume":
                # Given up early: the more time was left, the worse.
                loss += self._worst * (1 - solution.final_time_days / DURATION_DAYS)
        self.trace.add(theta, loss, self.level)
        return loss


def distance_to_tissue_mm(mask: NDArray[np.bool_], grid: Any, point_mm: Any) -> tuple[float, NDArray[np.float64]]:
    """Distance from a world position to the centre of the nearest voxel of a mask, and where that is."""
    # A box about the point holds the nearest voxel in nearly every case and keeps this fast on large grids.
    for reach in (30.0, np.inf):
        voxels = _voxels_near(mask, grid, point_mm, reach)
        if len(voxels):
            positions = grid.voxel_to_world(voxels)
            distances = np.linalg.norm(positions - np.asarray(point_mm, dtype=float), axis=1)
            nearest = int(distances.argmin())
            if distances[nearest] <= reach:
                return float(distances[nearest]), positions[nearest]
    raise ValueError("the mask is empty")


def _voxels_near(mask: NDArray[np.bool_], grid: Any, point_mm: Any, reach_mm: float) -> NDArray[np.int64]:
    if not np.isfinite(reach_mm):
        return np.argwhere(mask)
    centre, reach = grid.world_to_voxel(point_mm), reach_mm / np.array(grid.spacing_mm)
    low = np.clip(np.floor(centre - reach), 0, mask.shape).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, 0, mask.shape).astype(int)
    return np.argwhere(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) + low
