"""Growth equation on the cells of a space-time grid: diffusion stencil and residual (Crank-Nicolson in time)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.solver.domain import face_coefficients

if TYPE_CHECKING:
    from gliofit.invert.methods.gliodil import ReleasedSettings

# Parts of the time axis that threads share; sums do not depend on their number.
_CHUNKS = 8


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Seven-point stencil: sum over axes of after (u_{i+1} - u_i) + before (u_{i-1} - u_i)."""

    #: Cells along each axis, n in total.
    shape: tuple[int, ...]
    #: Minus the sum of all coefficients, shape (n,).
    centre: Tensor
    #: Coefficients of the next and the previous cell along each axis, shapes (n,); zero at the ends of an axis.
    after: list[Tensor]
    before: list[Tensor]
    #: Pairs of cells coupled by a periodic box, with their coefficients (``ReleasedSettings.periodic_box``).
    wraps: list[tuple[Tensor, Tensor, Tensor, Tensor]]

    def __call__(self, field: Tensor) -> Tensor:
        """Apply the stencil to a field, shape (time, x, y, z)."""
        return self._apply(field, self.after, self.before, transposed=False)

    def transpose(self, field: Tensor) -> Tensor:
        """Apply the transposed stencil, which is the same if ``before`` and ``after`` belong to the same faces."""
        return self._apply(field, self.before, self.after, transposed=True)

    @cached_property
    def coefficients(self) -> NDArray[Any]:
        """Coefficients for ``kernels.cell_terms``, shape (7, n)."""
        return self._rows(transposed=False)

    @cached_property
    def transposed_coefficients(self) -> NDArray[Any]:
        """Coefficients of the transposed stencil, shape (7, n)."""
        return self._rows(transposed=True)

    def _rows(self, transposed: bool) -> NDArray[Any]:
        rows = [self.centre]
        strides = (self.shape[1] * self.shape[2], self.shape[2], 1)
        for stride, forward, backward in zip(strides, self.after, self.before, strict=True):
            if transposed:
                # The transposed stencil uses the coefficients of the source cell.
                gap = forward.new_zeros(stride)
                forward, backward = torch.cat([backward[stride:], gap]), torch.cat([gap, forward[:-stride]])
            rows += [forward, backward]
        return torch.stack(rows).numpy()

    @cached_property
    def couplings(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """``wraps`` for ``kernels.cell_terms``: cells and coefficients, shapes (2, pairs)."""
        if not self.wraps:
            return np.zeros((2, 0), np.int64), np.zeros((2, 0), self.centre.numpy().dtype)
        last, first, to_first, to_last = (torch.cat(parts) for parts in zip(*self.wraps, strict=True))
        return torch.stack([last, first]).numpy(), torch.stack([to_first, to_last]).numpy()

    def _apply(self, field: Tensor, after: list[Tensor], before: list[Tensor], transposed: bool) -> Tensor:
        flat = field.reshape(len(field), -1)
        out = flat * self.centre
        strides = (self.shape[1] * self.shape[2], self.shape[2], 1)
        for stride, forward, backward in zip(strides, after, before, strict=True):
            # The transposed stencil uses the coefficients of the source cell.
            forward = forward[stride:] if transposed else forward[:-stride]
            backward = backward[:-stride] if transposed else backward[stride:]
            out[:, :-stride].addcmul_(flat[:, stride:], forward)
            out[:, stride:].addcmul_(flat[:, :-stride], backward)
        for last, first, to_first, to_last in self.wraps:
            out[:, last] += flat[:, first] * (to_last if transposed else to_first)
            out[:, first] += flat[:, last] * (to_first if transposed else to_last)
        return out.view_as(field)


def diffusion(
    wm: NDArray[np.floating],
    gm: NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    white: float,
    grey: float,
    released: ReleasedSettings,
    like: Tensor,
) -> Diffusion:
    """Return div(D grad u) for D_WM = 1 mm^2/day, without flux out of tissue and box.

    ``wm`` and ``gm`` are the tissue fractions of the cells, ``white`` and ``grey`` the relative diffusivities of both
    tissues. Coefficients have the type and device of ``like``.
    """
    fractions = [np.asarray(data, np.float64) for data in (wm, gm)]
    if released.periodic_box:
        # An additional cell gives the faces between the last cell and the first.
        fractions = [np.pad(data, ((0, 1),) * 3, mode="wrap") for data in fractions]
    white_faces, both_faces = (face_coefficients(fractions[0], fractions[1], ratio) for ratio in (np.inf, 1.0))
    faces = [white * w + grey * (b - w) for w, b in zip(white_faces, both_faces, strict=True)]
    if released.periodic_box:
        faces = [face[:-1, :-1, :-1] for face in faces]
    after = [face.copy() for face in faces]
    before = [np.roll(face, 1, axis) for axis, face in enumerate(faces)]
    if released.y_faces_for_z:
        before[2] = np.where(before[2] > 0, before[1], 0)
    if released.swapped_faces:
        after, before = before, after

    def tensor(data: NDArray[np.floating]) -> Tensor:
        return like.new_tensor(np.ascontiguousarray(data).ravel())

    wraps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    indices = np.arange(wm.size).reshape(wm.shape)
    centre = np.zeros(wm.shape)
    for axis in range(3):
        after[axis] /= spacing_mm[axis] ** 2
        before[axis] /= spacing_mm[axis] ** 2
        last, first = (indices.take(end, axis).ravel() for end in (-1, 0))
        if released.periodic_box:
            centre -= after[axis] + before[axis]
            coefficients = tensor(after[axis].ravel()[last]), tensor(before[axis].ravel()[first])
            end, start = (torch.as_tensor(index, device=like.device) for index in (last, first))
            wraps.append((end, start, *coefficients))
        after[axis].reshape(-1)[last] = 0
        before[axis].reshape(-1)[first] = 0
        if not released.periodic_box:
            centre -= after[axis] + before[axis]
    return Diffusion(wm.shape, tensor(centre), [tensor(a) for a in after], [tensor(b) for b in before], wraps)


class _PdeLoss(torch.autograd.Function):
    """Sum of squared residuals and its derivatives in one pass, with half the time and memory of autograd."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        field, diffusivity, proliferation, grey, (white_part, grey_part), interval_days, weight = arguments
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
        loss: Tensor = weight * residual.square().sum()
        if not any(ctx.needs_input_grad):
            return loss
        # In place, the residual becomes the derivative by the residual; `by_rate` is the derivative by F.
        residual.mul_(2 * weight)
        by_rate = torch.zeros_like(field)
        by_rate[1:].sub_(residual, alpha=0.5)
        by_rate[:-1].sub_(residual, alpha=0.5)
        by_field = white_part.transpose(by_rate)
        if grey_part is not None:
            by_field.add_(grey_part.transpose(by_rate) * grey)
        slope = magnitude.mul_(-2).add_(field.sign())
        by_field.mul_(diffusivity).addcmul_(slope * by_rate, proliferation)
        by_field[1:].add_(residual, alpha=1 / interval_days)
        by_field[:-1].sub_(residual, alpha=1 / interval_days)
        by_grey = torch.zeros_like(grey) if grey_spread is None else diffusivity * (by_rate * grey_spread).sum()
        ctx.save_for_backward(by_field, (by_rate * spread).sum(), (by_rate * growth).sum(), by_grey)
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return *(saved * outer[0] for saved in ctx.saved_tensors), None, None, None


class _CellLoss(torch.autograd.Function):
    """Terms of all cells by compiled kernels, for a field on the CPU; also returns the first and the last slice."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        from gliofit.invert.odil.kernels import cell_terms

        field, diffusivity, proliferation, grey, (white_part, grey_part), inside, interval_days, weights = arguments
        u = field.reshape(len(field), -1).numpy()
        forward, transposed = white_part.coefficients, white_part.transposed_coefficients
        ends, factors = white_part.couplings
        grey_forward, grey_factors = np.zeros((7, 0), u.dtype), factors
        if grey_part is not None:
            ratio = u.dtype.type(float(grey))
            grey_forward, grey_factors = grey_part.coefficients, grey_part.couplings[1]
            forward = forward + ratio * grey_forward
            transposed = transposed + ratio * grey_part.transposed_coefficients
            factors = factors + ratio * grey_factors
        outside = (1 - inside).flatten().numpy()
        with np.errstate(over="ignore"):
            numbers = np.array([float(diffusivity), float(proliferation), 1 / interval_days, 0.5, *weights], u.dtype)
        gradient, sums = torch.empty_like(field), np.zeros((len(u), 5))
        row = white_part.shape[2]
        cell_terms(
            u, forward, transposed, grey_forward, ends, factors, grey_factors, outside, white_part.shape[1] * row, row,
            numbers, min(_CHUNKS, len(u)), gradient.view(len(field), -1).numpy(), sums,
        )  # fmt: skip
        totals = sums.sum(axis=0)
        ctx.save_for_backward(gradient, *(field.new_tensor(value) for value in totals[2:]))
        return field.new_tensor(totals[0] + totals[1]), field[0].clone(), field[-1].clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        by_loss, by_first, by_last = outer
        gradient, *rates = ctx.saved_tensors
        if float(by_loss) != 1:
            gradient = gradient * by_loss
        gradient[0] += by_first
        gradient[-1] += by_last
        return gradient, *(rate * by_loss for rate in rates), None, None, None, None


def cell_loss(
    field: Tensor,
    diffusivity: Tensor,
    proliferation: Tensor,
    grey: Tensor,
    stencils: tuple[Diffusion, Diffusion | None],
    inside: Tensor,
    interval_days: float,
    weights: tuple[float, float, float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sum of the terms of all cells, and the first and the last slice, differentiable once.

    Terms are ``pde_loss``, values outside 0 to 1 and values outside tissue, squared; ``weights`` are their factors.
    On the CPU compiled kernels compute them in one pass; a backward pass may follow only once.

    Parameters
    ----------
    inside
        1 in cells of white and grey matter, 0 elsewhere, shape (x, y, z).
    field, diffusivity, proliferation, grey, stencils, interval_days
        See ``pde_loss``.
    """
    if field.device.type == "cpu":
        terms: tuple[Tensor, Tensor, Tensor] = _CellLoss.apply(  # type: ignore[no-untyped-call]
            field, diffusivity, proliferation, grey, stencils, inside, interval_days, weights
        )
        return terms
    equation = pde_loss(field, diffusivity, proliferation, grey, stencils, interval_days, weights[0])
    beyond = (field - field.detach().clamp(0, 1)).square().sum()
    outside = (field * (1 - inside)).square().sum()
    return equation + weights[1] * beyond + weights[2] * outside, field[0], field[-1]


def pde_loss(
    field: Tensor,
    diffusivity: Tensor,
    proliferation: Tensor,
    grey: Tensor,
    stencils: tuple[Diffusion, Diffusion | None],
    interval_days: float,
    weight: float,
) -> Tensor:
    """Return ``weight`` times the sum of squared residuals (1/day), differentiable once.

    Residuals are (u^i - u^{i-1}) / dt - (F^i + F^{i-1}) / 2 with F = D div(grad u) + rho |u| (1 - u).

    Parameters
    ----------
    field
        u, shape (time, x, y, z).
    diffusivity, proliferation
        D of white matter in mm^2/day and rho in 1/day.
    grey
        D_GM / D_WM, factor of the second stencil.
    stencils
        Stencil for a fixed D_GM / D_WM and None, or stencils of white and of grey matter.
    interval_days
        Time dt between slices.
    """
    loss: Tensor = _PdeLoss.apply(  # type: ignore[no-untyped-call]
        field, diffusivity, proliferation, grey, stencils, interval_days, weight
    )
    return loss
