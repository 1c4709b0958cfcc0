"""Discrete loss of field and parameters: residuals of equation and seed, data misfit and violated ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from gliofit.growth.space import Bounds
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.odil.equation import Diffusion, cell_loss
from gliofit.invert.odil.guess import solver_seed, wide_seed
from gliofit.invert.odil.space import SpaceTime
from gliofit.invert.odil.terms import AbstractDataTerm

if TYPE_CHECKING:
    from gliofit.invert.methods.gliodil import WeightSettings

# Ranges of GliODIL's learned thresholds of core and whole tumour, and of log10(D_WM / D_GM).
_CORE_RANGE, _WHOLE_RANGE, _RATIO_RANGE = (0.50, 0.85), (0.20, 0.50), (1.0, 3.0)


@dataclass(eq=False)
class Unknowns:
    """Optimisation variables; the absolute values of ``rates``, ``imaging`` and ``log_ratio`` are used.

    Parameters
    ----------
    levels
        Grids of halved resolution, the finest first, whose interpolated sum is the field.
    place
        Centre of the seed relative to the lower corner of the box in units of ``unit_mm``, shape (3,).
    rates
        D in mm^2/day and rho in 1/day, shape (2,).
    imaging
        Thresholds of core and whole tumour, shape (2,).
    log_ratio
        log10(D_WM / D_GM), shape (1,).
    unit_mm
        Unit of ``place``; a large unit increases the steps of optimisers that scale with gradients.
    """

    levels: list[Tensor]
    place: Tensor
    rates: Tensor
    imaging: Tensor
    log_ratio: Tensor
    unit_mm: float = 1.0

    @property
    def origin_mm(self) -> Tensor:
        """Centre of the seed relative to the lower corner of the box in mm, shape (3,)."""
        return self.place * self.unit_mm


@dataclass(eq=False)
class DiscreteLoss:
    """Discrete loss on a space-time grid.

    Parameters
    ----------
    stencils
        See ``equation.pde_loss``.
    inside
        1 in cells of white and grey matter, 0 elsewhere.
    term, data_weight
        Data term and its weight.
    bounds
        Ranges of theta.
    weights
        Weights of the other terms.
    wide
        Whether to use GliODIL's initial tumour.
    """

    space: SpaceTime
    stencils: tuple[Diffusion, Diffusion | None]
    inside: Tensor
    term: AbstractDataTerm
    bounds: Bounds
    weights: WeightSettings
    data_weight: float
    wide: bool

    def __post_init__(self) -> None:
        ends = [self.bounds.lower, self.bounds.upper]
        corners = np.array([self.space.to_box(end[:3]) for end in ends])
        ranges = {
            "origin_mm": (corners.min(axis=0), corners.max(axis=0)),
            "rates": [end[3:] ** 2 / DURATION_DAYS for end in ends],
            "imaging": np.array([_CORE_RANGE, _WHOLE_RANGE]).T,
            "log_ratio": np.array([_RATIO_RANGE]).T,
        }
        self._ranges = {name: [self.inside.new_tensor(end) for end in pair] for name, pair in ranges.items()}

    def __call__(self, unknowns: Unknowns, strength: float = 1.0) -> Tensor:
        """Return the sum of all terms, each averaged over cells and slices.

        ``strength`` is a factor of the weights of equation and seed.
        """
        weights, u = self.weights, assemble(unknowns.levels)
        count = u.numel()
        diffusivity, proliferation = unknowns.rates.abs()
        core, whole = unknowns.imaging.abs()
        grey = torch.pow(10.0, -unknowns.log_ratio.abs())[0]
        factors = (strength * weights.equation) ** 2, weights.range**2, weights.outside**2
        cells, first, last = cell_loss(
            u, diffusivity, proliferation, grey, self.stencils, self.inside, self.space.interval_days,
            (factors[0] / count, factors[1] / count, factors[2] / count),
        )  # fmt: skip
        slices = (strength * weights.seed) ** 2 * (first - self.seed(unknowns.origin_mm)).square().sum()
        slices = slices + self.data_weight**2 * self.term(last, core, whole)
        violation = (weights.parameters * self._violation(unknowns)).square()
        return cells + slices / count + violation

    def seed(self, origin_mm: Tensor) -> Tensor:
        """Return the initial tumour about a centre."""
        cells, spacing = self.space.shape[1:], self.space.spacing_mm
        if self.wide:
            return wide_seed(origin_mm, cells, spacing, self.space.source.spacing_mm)
        return solver_seed(origin_mm, cells, spacing) * self.inside

    def _violation(self, unknowns: Unknowns) -> Tensor:
        """Sum the distances of parameters from their ranges."""
        total = unknowns.rates.new_zeros(())
        for name, (low, high) in self._ranges.items():
            value = getattr(unknowns, name)
            value = value if name == "origin_mm" else value.abs()
            total = total + torch.relu(low - value).sum() + torch.relu(value - high).sum()
        return total


@cache
def _interpolation_matrix(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix of cell-centred linear interpolation to twice the cells, shape (2 cells, cells).

    A fine cell has weights 3/4 of its coarse cell and 1/4 of the nearest neighbour, which is extrapolated linearly
    beyond the ends.
    """
    matrix = torch.zeros(2 * cells, cells, dtype=torch.float64)
    for fine in range(2 * cells):
        coarse = fine // 2
        neighbour = coarse + (1 if fine % 2 else -1)
        matrix[fine, coarse] += 0.75
        if 0 <= neighbour < cells:
            matrix[fine, neighbour] += 0.25
        elif cells == 1:
            matrix[fine, coarse] += 0.25
        else:
            matrix[fine, coarse] += 0.5
            matrix[fine, 2 * coarse - neighbour] -= 0.25
    return matrix.to(dtype=dtype, device=device)


@cache
def _taps(cells: int, dtype: torch.dtype, transposed: bool) -> tuple[NDArray[Any], ...]:
    """Return the interpolation matrix, or its transpose, in sparse form: starts, taps and weights."""
    dense = _interpolation_matrix(cells, torch.float64, torch.device("cpu")).numpy()
    matrix = csr_array(dense.T if transposed else dense)
    weights = matrix.data.astype(torch.empty(0, dtype=dtype).numpy().dtype)
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), weights


class _Added(torch.autograd.Function):
    """A level plus the interpolated coarser one, by compiled kernels, for fields on the CPU."""

    @staticmethod
    def forward(ctx: Any, level: Tensor, coarse: Tensor) -> Tensor:
        from gliofit.invert.odil.kernels import combine_space, combine_time

        ctx.coarse_shape = coarse.shape
        times, *space = coarse.shape
        wide = coarse.new_empty(times, *level.shape[1:])
        combine_space(coarse.numpy(), *(_taps(cells, level.dtype, False) for cells in space), wide.numpy())
        out = torch.empty_like(level)
        flat = (tensor.view(len(tensor), -1).numpy() for tensor in (wide, level, out))
        source, added, target = flat
        combine_time(source, *_taps(times, level.dtype, False), added, target)
        return out

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor]:
        from gliofit.invert.odil.kernels import combine_space, combine_time

        (gradient,) = outer
        times, *space = ctx.coarse_shape
        narrow = gradient.new_empty(times, *gradient.shape[1:])
        flat = gradient.reshape(len(gradient), -1).numpy()
        combine_time(flat, *_taps(times, gradient.dtype, True), flat[:0], narrow.view(times, -1).numpy())
        coarse = gradient.new_empty(ctx.coarse_shape)
        combine_space(narrow.numpy(), *(_taps(cells, gradient.dtype, True) for cells in space), coarse.numpy())
        return gradient, coarse


def refine(field: Tensor) -> Tensor:
    """Interpolate a field to twice the cells along every axis."""
    for axis in range(field.ndim):
        matrix = _interpolation_matrix(field.shape[axis], field.dtype, field.device)
        before, after = field.shape[:axis], field.shape[axis + 1 :]
        if after:
            # Matrix products are much faster than sums of strided slices.
            field = (matrix @ field.reshape(*before, field.shape[axis], -1)).reshape(*before, -1, *after)
        else:
            field = field @ matrix.T
    return field


def assemble(levels: Sequence[Tensor]) -> Tensor:
    """Add each level to the interpolated sum of the coarser ones."""
    field = levels[-1]
    for level in reversed(levels[:-1]):
        if field.device.type == "cpu":
            field = _Added.apply(level, field)  # type: ignore[no-untyped-call]
        else:
            field = level + refine(field)
    return field
