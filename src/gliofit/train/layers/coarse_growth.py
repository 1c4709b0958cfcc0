"""Layer with the solver on coarse voxels: tissue and theta in, concentration out, differentiable in theta."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid
from gliofit.core.threads import kernel_threads, kernels_are_thread_safe
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings
from gliofit.train.layers.lattice import EqualSpeed


class _Grow(torch.autograd.Function):
    """c(theta) of several tumours, with the solver's tangents as derivative."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, concentration: Tensor, tangents: Tensor) -> Tensor:
        """Return the concentration."""
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
    size, spacing_mm
        Number of coarse voxels along each edge, and their size.
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
        """Return the tissue of each sample from fractions, shape (batch, size, size, size)."""
        maps = [value.detach().float().cpu().numpy() for value in (wm, gm)]
        no_csf = np.zeros(self.grid.shape, np.float32)
        return [Tissue(white, grey, no_csf, self.grid) for white, grey in zip(*maps, strict=True)]

    def __call__(self, tissues: Sequence[Tissue], theta: Tensor) -> Tensor:
        """Simulate tumours; the concentration, shape (batch, size, size, size), is zero if the seed is outside tissue.

        Parameters
        ----------
        tissues
            One tissue per theta, or one for all.
        theta
            Physical theta, shape (batch, n), origin in mm from the centre of the cube.
        """
        coarse = torch.cat([theta[:, :3], self.equal_speed(theta[:, 3:4], theta[:, 4:5]), theta[:, 4:5]], dim=1)
        # Inside an autograd function it is not known whether derivatives are needed.
        forward_mode = forward_ad.unpack_dual(coarse).tangent is not None
        with_tangents = forward_mode or (coarse.requires_grad and torch.is_grad_enabled())
        points = [Theta.from_array(row) for row in coarse.detach().double().cpu().numpy()]
        brains = [tissues[0 if len(tissues) == 1 else index] for index in range(len(points))]
        grow = partial(self._grow, with_tangents=with_tangents)
        threads = min(len(points), torch.get_num_threads())
        if threads > 1 and kernels_are_thread_safe():
            # Each kernel runs on one thread, so that results do not depend on the number of threads.
            with ThreadPoolExecutor(threads) as pool:
                results = list(pool.map(grow, brains, points))
        else:
            results = list(map(grow, brains, points))
        fields = torch.from_numpy(np.stack(results)).to(coarse)
        if not with_tangents:
            return fields[:, 0]
        concentration: Tensor = _Grow.apply(coarse, fields[:, 0], fields[:, 1:])  # type: ignore[no-untyped-call]
        return concentration

    def _grow(self, tissue: Tissue, theta: Theta, with_tangents: bool) -> NDArray[np.float32]:
        """Return the concentration, with its tangents if requested, shape (1 or 1 + n, size, size, size)."""
        try:
            with kernel_threads(1):
                if not with_tangents:
                    return self.solver.solve(tissue, theta).concentration[None]
                sensitivity = self.solver.solve_with_tangents(tissue, theta)
                return np.concatenate([sensitivity.solution.concentration[None], sensitivity.tangents])
        except (SeedOutsideTissueError, InputError):
            return np.zeros((1 + len(theta.space) if with_tangents else 1, *self.grid.shape), np.float32)
