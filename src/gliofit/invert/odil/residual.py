"""Residual of the Fisher-Kolmogorov equation for a space-time field (Crank-Nicolson in time)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gliofit.invert.odil.diffusion import Diffusion

__all__ = ["pde_loss"]


class _PdeLoss(torch.autograd.Function):
    """Sum of squared residuals and its derivatives in one pass, with half the time and memory of autograd."""

    @staticmethod
    def forward(
        ctx: Any,
        field: Tensor,
        diffusivity: Tensor,
        proliferation: Tensor,
        grey: Tensor,
        stencils: tuple[Diffusion, Diffusion | None],
        interval_days: float,
        weight: float,
    ) -> Tensor:
        white_part, grey_part = stencils
        spread = white_part(field)
        grey_spread = None if grey_part is None else grey_part(field)
        if grey_spread is not None:
            spread.add_(grey_spread * grey)
        magnitude = field.abs()
        growth = magnitude * (1 - field)
        rate = diffusivity * spread
        rate.addcmul_(growth, proliferation)
        residual = torch.diff(field, dim=0).div_(interval_days)
        residual.sub_(rate[1:], alpha=0.5).sub_(rate[:-1], alpha=0.5)
        loss = weight * residual.square().sum()
        if not any(ctx.needs_input_grad):
            return loss
        # Derivative of the loss by the residual in place, and `pull` the derivative by F.
        residual.mul_(2 * weight)
        pull = torch.zeros_like(field)
        pull[1:].sub_(residual, alpha=0.5)
        pull[:-1].sub_(residual, alpha=0.5)
        back = white_part.transpose(pull)
        if grey_part is not None:
            back.add_(grey_part.transpose(pull) * grey)
        slope = magnitude.mul_(-2).add_(field.sign())
        back.mul_(diffusivity).addcmul_(slope * pull, proliferation)
        back[1:].add_(residual, alpha=1 / interval_days)
        back[:-1].sub_(residual, alpha=1 / interval_days)
        to_grey = torch.zeros_like(grey) if grey_spread is None else diffusivity * (pull * grey_spread).sum()
        ctx.save_for_backward(back, (pull * spread).sum(), (pull * growth).sum(), to_grey)
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return *(saved * outer[0] for saved in ctx.saved_tensors), None, None, None


def pde_loss(
    field: Tensor,
    diffusivity: Tensor,
    proliferation: Tensor,
    grey: Tensor,
    stencils: tuple[Diffusion, Diffusion | None],
    interval_days: float,
    weight: float,
) -> Tensor:
    """Return ``weight`` times the sum of squared residuals, differentiable once.

    Residuals (1/day) are (u^i - u^{i-1}) / dt - (F^i + F^{i-1}) / 2 with F = D div(grad u) + rho |u| (1 - u).

    Parameters
    ----------
    field
        u, shape (time, x, y, z).
    diffusivity, proliferation
        D of white matter in mm^2/day and rho in 1/day.
    grey
        D_GM / D_WM, factor of the second stencil.
    stencils
        Stencil for D = 1 mm^2/day and a fixed D_GM / D_WM and None, or stencils of white and of grey matter.
    interval_days
        Time dt between slices.
    weight
        Factor of the sum.
    """
    arguments = (field, diffusivity, proliferation, grey, stencils, interval_days, weight)
    loss: Tensor = _PdeLoss.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss
