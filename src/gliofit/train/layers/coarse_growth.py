"""The solver on coarse voxels as a layer: tissue and theta in, concentration out, differentiable in theta."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid
from gliofit.core.threads import kernel_threads
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings
from gliofit.solver.threads import kernels_bear_threads
from gliofit.train.layers.lattice import EqualSpeed

__all__ = ["CoarseGrowth"]


class _Grow(torch.autograd.Function):
    """c(theta) of several tumours, with the solver's tangents as derivative."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, concentration: Tensor, tangents: Tensor) -> Tensor:
        """Pass the concentration on."""
        ctx.tangents = tangents
        return concentration.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Contract the gradient with the tangents."""
        return torch.einsum("bkxyz,bxyz->bk", ctx.tangents, gradient), None, None

    @staticmethod
    def jvp(ctx: Any, direction: Tensor, *_: None) -> Tensor:
        """Combine the tangents."""
        return torch.einsum("bkxyz,bk->bxyz", ctx.tangents, direction)


class CoarseGrowth:
    """Fisher-Kolmogorov growth on a cube of coarse voxels, by the accurate integrator on CPU cores.

    Parameters
    ----------
    size
        Coarse voxels along each edge.
    spacing_mm
        Size of the coarse voxels.
    fine_mm
        Voxel size of the solution to imitate: diffusion is changed so that fronts are as fast as there.
    tolerance
        Relative error of a time step.
    """

    def __init__(self, size: int, spacing_mm: float, fine_mm: float, tolerance: float) -> None:
        affine = np.diag([spacing_mm] * 3 + [1.0])
        affine[:3, 3] = -spacing_mm * (size - 1) / 2
        self.grid = Grid((size,) * 3, affine)
        self.solver = AccurateSolver(AccurateSettings(tolerance=tolerance, backend="numba"))
        self.equal_speed = EqualSpeed(fine_mm, spacing_mm)

    def tissues(self, wm: Tensor, gm: Tensor) -> list[Tissue]:
        """Tissue of each sample, from fractions of shape (batch, size, size, size)."""
        maps = [value.detach().float().cpu().numpy() for value in (wm, gm)]
        nothing = np.zeros(self.grid.shape, np.float32)
        return [Tissue(white, grey, nothing, self.grid) for white, grey in zip(*maps, strict=True)]

    def __call__(self, tissues: Sequence[Tissue], theta: Tensor) -> Tensor:
        """Concentration (batch, size, size, size) for physical theta (batch, n), zero where a seed has no tissue.

        One tissue may serve all thetas. The origin is in mm from the middle of the cube.
        """
        moved = torch.cat([theta[:, :3], self.equal_speed(theta[:, 3:4], theta[:, 4:5]), theta[:, 4:5]], dim=1)
        # Inside a differentiated function one cannot see whether derivatives are wanted.
        forward_mode = forward_ad.unpack_dual(moved).tangent is not None
        with_tangents = forward_mode or (moved.requires_grad and torch.is_grad_enabled())
        points = [Theta.from_array(row) for row in moved.detach().double().cpu().numpy()]
        pairs = [(tissues[0 if len(tissues) == 1 else index], point) for index, point in enumerate(points)]
        threads = min(len(pairs), torch.get_num_threads())
        if threads > 1 and kernels_bear_threads():
            # Each kernel runs on one thread: results do not depend on how many tumours grow at a time.
            with ThreadPoolExecutor(threads) as pool:
                done = list(pool.map(lambda pair: self._grow(pair[0], pair[1], with_tangents), pairs))
        else:
            done = [self._grow(own, point, with_tangents) for own, point in pairs]
        fields = torch.from_numpy(np.stack(done)).to(moved)
        return _Grow.apply(moved, fields[:, 0], fields[:, 1:]) if with_tangents else fields[:, 0]

    def _grow(self, tissue: Tissue, theta: Theta, with_tangents: bool) -> NDArray[np.float32]:
        """Concentration and, where asked for, its tangents: (1 or 1 + n, size, size, size)."""
        try:
            with kernel_threads(1):
                if not with_tangents:
                    return self.solver.solve(tissue, theta).concentration[None]
                sensitivity = self.solver.solve_with_tangents(tissue, theta)
                return np.concatenate([sensitivity.solution.concentration[None], sensitivity.tangents])
        except (SeedOutsideTissueError, InputError):
            # No tissue at the seed, or none in the whole cube: nothing grows.
            return np.zeros((1 + len(theta.space) if with_tangents else 1, *self.grid.shape), np.float32)
