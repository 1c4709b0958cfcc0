"""The solver as a differentiable torch function of theta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver


class _Grow(torch.autograd.Function):
    """c(theta) with the solver's tangents as derivative."""

    @staticmethod
    def forward(
        ctx: Any, theta: torch.Tensor, tissue: Tissue, solver: AccurateSolver, schedule: Sequence[float] | None
    ) -> torch.Tensor:
        """Simulate, with tangents if theta requires a gradient."""
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
        """Contract the gradient with the tangents on the padded box."""
        domain = ctx.sensitivity.domain
        tangents = torch.as_tensor(ctx.sensitivity.box_tangents)
        box_gradient = torch.as_tensor(domain.from_grid(gradient.detach().cpu().numpy()), dtype=tangents.dtype)
        product = tangents.flatten(1) @ box_gradient.flatten()
        return product.to(dtype=gradient.dtype, device=gradient.device), None, None, None


def grow(
    theta: torch.Tensor, tissue: Tissue, solver: AccurateSolver | None = None, schedule: Sequence[float] | None = None
) -> torch.Tensor:
    """Simulate one tumour of the model ``fisher-kolmogorov``, differentiable once in theta.

    Parameters
    ----------
    theta
        Parameters as ``Theta.to_array``, shape (n,).
    tissue
        Brain.
    solver
        Accurate solver; by default one in the precision of ``theta`` (float32 or float64).
    schedule
        Time steps, ``Solution.schedule`` of a similar theta. Without it the number of steps depends on theta, and c
        jumps by less than the solver's tolerance where it changes; the gradient ignores these jumps.

    Returns
    -------
    Tensor
        Concentration, shape ``tissue.grid.shape``, in the type and on the device of ``theta``.

    Raises
    ------
    ValueError
        If the shape of ``theta`` is not (5,).
    InputError, SeedOutsideTissueError
        See ``AccurateSolver.solve``.
    """
    if theta.shape != (5,):
        raise ValueError(f"theta: has shape {tuple(theta.shape)}; must be (5,)")
    if solver is None:
        from gliofit.solver.settings import AccurateSettings

        solver = AccurateSolver(AccurateSettings(precision="float64" if theta.dtype == torch.float64 else "float32"))
    concentration: torch.Tensor = _Grow.apply(theta, tissue, solver, schedule)  # type: ignore[no-untyped-call]
    return concentration
