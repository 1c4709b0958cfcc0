"""Discrete loss of field and parameters: residuals of equation and seed, data misfit and violated ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from gliofit.growth.space import Bounds
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.odil.equation import Diffusion, pde_loss
from gliofit.invert.odil.guess import solver_seed, wide_seed
from gliofit.invert.odil.settings import WeightSettings
from gliofit.invert.odil.space import SpaceTime
from gliofit.invert.odil.terms import AbstractDataTerm

__all__ = ["DiscreteLoss", "Unknowns", "refine"]

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
    """Discrete loss.

    Parameters
    ----------
    space
        Space-time grid.
    stencils
        See ``equation.pde_loss``.
    inside
        1 in cells of white and grey matter, 0 elsewhere.
    term
        Data term.
    bounds
        Ranges of theta.
    weights
        Weights of the terms.
    data_weight
        Weight of the data term.
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
        weights, u = self.weights, _assemble(unknowns.levels)
        count = u.numel()
        diffusivity, proliferation = unknowns.rates.abs()
        core, whole = unknowns.imaging.abs()
        grey = torch.pow(10.0, -unknowns.log_ratio.abs())[0]
        weight = (strength * weights.equation) ** 2 / count
        equation = pde_loss(u, diffusivity, proliferation, grey, self.stencils, self.space.interval_days, weight)
        slices = (strength * weights.seed) ** 2 * (u[0] - self.seed(unknowns.origin_mm)).square().sum()
        slices = slices + self.data_weight**2 * self.term(u[-1], core, whole)
        beyond = weights.range**2 * (u - u.detach().clamp(0, 1)).square().sum()
        outside = weights.outside**2 * (u * (1 - self.inside)).square().sum()
        violation = (weights.parameters * self._violation(unknowns)).square()
        return equation + (slices + beyond + outside) / count + violation

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


def _assemble(levels: Sequence[Tensor]) -> Tensor:
    """Add each level to the interpolated sum of the coarser ones."""
    field = levels[-1]
    for level in reversed(levels[:-1]):
        field = level + refine(field)
    return field
