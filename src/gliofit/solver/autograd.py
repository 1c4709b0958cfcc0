"""The solver as a torch function of theta, for losses that torch differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver

__all__ = ["grow"]


class _Grow(torch.autograd.Function):
    """c(theta) with the tangents of the solver as its derivative."""

    @staticmethod
    def forward(
        ctx: Any, theta: torch.Tensor, tissue: Tissue, solver: AccurateSolver, schedule: Sequence[float] | None
    ) -> torch.Tensor:
        """Solve; with tangents if theta wants a gradient."""
        point = Theta.from_array(theta.detach().cpu().double().numpy())
        if ctx.needs_input_grad[0]:
            ctx.sensitivity = solver.solve_with_tangents(tissue, point, schedule=schedule)
            solution = ctx.sensitivity.solution
        else:
            solution = solver.solve(tissue, point, schedule=schedule)
        return torch.as_tensor(solution.concentration, dtype=theta.dtype, device=theta.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """Contract the gradient with the tangents, on the box that holds them."""
        domain = ctx.sensitivity.domain
        tangents = torch.as_tensor(ctx.sensitivity.box_tangents)
        there = torch.as_tensor(domain.from_grid(gradient.detach().cpu().numpy()), dtype=tangents.dtype)
        product = tangents.flatten(1) @ there.flatten()
        return product.to(dtype=gradient.dtype, device=gradient.device), None, None, None


def grow(
    theta: torch.Tensor, tissue: Tissue, solver: AccurateSolver | None = None, schedule: Sequence[float] | None = None
) -> torch.Tensor:
    """Grow one tumour, differentiably in theta (first derivatives only).

    Parameters
    ----------
    theta
        Parameters as ``Theta.to_array``, shape (n,).
    tissue
        Brain.
    solver
        Accurate solver, by default one in the precision of ``theta`` (float32 or float64).
    schedule
        Time steps to take, ``Solution.schedule`` of a run nearby. Without it the steps are chosen anew for each theta,
        and c jumps by less than the solver's tolerance where their number changes; the gradient is that between jumps.

    Returns
    -------
    Concentration of shape ``tissue.grid.shape``, in the type and on the device of ``theta``.

    Raises
    ------
    ValueError
        If ``theta`` has not five entries.
    InputError, SeedOutsideTissueError
        As ``AccurateSolver.solve``.
    """
    if theta.shape != (5,):
        raise ValueError(f"theta of shape {tuple(theta.shape)}, not (5,)")
    if solver is None:
        from gliofit.solver.settings import AccurateSettings

        solver = AccurateSolver(AccurateSettings(precision="float64" if theta.dtype == torch.float64 else "float32"))
    return _Grow.apply(theta, tissue, solver, schedule)
