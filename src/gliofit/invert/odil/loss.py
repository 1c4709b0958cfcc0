"""Discrete loss of field and parameters: residuals of equation and seed, data misfit and violated ranges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.growth.space import Bounds
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.odil.diffusion import Diffusion
from gliofit.invert.odil.multigrid import assemble
from gliofit.invert.odil.residual import pde_loss
from gliofit.invert.odil.seed import solver_seed, wide_seed
from gliofit.invert.odil.settings import WeightSettings
from gliofit.invert.odil.space import SpaceTime
from gliofit.invert.odil.terms import AbstractDataTerm

__all__ = ["DiscreteLoss", "Unknowns"]

# Ranges of GliODIL's learned thresholds of core and whole tumour, and of log10(D_WM / D_GM).
_CORE_RANGE, _WHOLE_RANGE, _RATIO_RANGE = (0.50, 0.85), (0.20, 0.50), (1.0, 3.0)


@dataclass(eq=False)
class Unknowns:
    """Optimisation variables; the absolute values of ``rates``, ``imaging`` and ``log_ratio`` are used.

    Parameters
    ----------
    levels
        Field on grids from fine to coarse (``multigrid.assemble``).
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
        See ``residual.pde_loss``.
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
    _ranges: dict[str, tuple[Tensor, Tensor]] = field(init=False)

    def __post_init__(self) -> None:
        ends = [self.bounds.lower, self.bounds.upper]
        corners = np.array([self.space.to_box(end[:3]) for end in ends])
        rates = [end[3:] ** 2 / DURATION_DAYS for end in ends]
        pairs = {
            "origin_mm": (corners.min(axis=0), corners.max(axis=0)),
            "rates": (rates[0], rates[1]),
            "imaging": tuple(np.array([_CORE_RANGE, _WHOLE_RANGE]).T),
            "log_ratio": tuple(np.array([_RATIO_RANGE]).T),
        }
        self._ranges = {name: (self._tensor(low), self._tensor(high)) for name, (low, high) in pairs.items()}

    def __call__(self, unknowns: Unknowns, strength: float = 1.0) -> Tensor:
        """Return the sum of all terms, each averaged over cells and slices.

        Parameters
        ----------
        unknowns
            Field and parameters.
        strength
            Factor of the weights of equation and seed.
        """
        weights, u = self.weights, assemble(unknowns.levels)
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

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=self.inside.dtype, device=self.inside.device)
