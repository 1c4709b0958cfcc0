"""The discrete loss: equation, seed, data and ranges in one sum, over field and parameters together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
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
    """What is optimised.

    Parameters
    ----------
    levels
        The field on grids from fine to coarse (``multigrid.assemble``).
    place
        Centre of the seed from the lower corner of the box in units of ``unit_mm``, shape (3,).
    rates
        D in mm^2/day and rho in 1/day, shape (2,); their magnitudes count.
    imaging
        Thresholds of core and whole tumour, shape (2,); their magnitudes count.
    log_ratio
        log10(D_WM / D_GM), shape (1,); its magnitude counts.
    unit_mm
        Unit of the place. A large one lets optimisers that scale steps with gradients move it as fast as the field.
    """

    levels: list[Tensor]
    place: Tensor
    rates: Tensor
    imaging: Tensor
    log_ratio: Tensor
    unit_mm: float = 1.0

    @property
    def origin_mm(self) -> Tensor:
        """Centre of the seed from the lower corner of the box, shape (3,)."""
        return self.place * self.unit_mm


@dataclass(eq=False)
class DiscreteLoss:
    """Loss of a set of unknowns.

    Parameters
    ----------
    space
        The space-time grid.
    stencils
        See ``residual.pde_loss``.
    inside
        1 in cells of white and grey matter, 0 elsewhere.
    term
        The data.
    bounds
        Ranges of theta.
    weights
        Weights of the terms.
    data_weight
        Weight of the data.
    wide
        Whether the seed is GliODIL's own.
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
        """Sum of all terms, each averaged over all cells and slices.

        Parameters
        ----------
        unknowns
            Field and parameters.
        strength
            Factor on the weights of equation and seed.
        """
        own, u = self.weights, assemble(unknowns.levels)
        count = u.numel()
        diffusivity, proliferation = unknowns.rates.abs()
        core, whole = unknowns.imaging.abs()
        grey = torch.pow(10.0, -unknowns.log_ratio.abs())[0]
        weight = (strength * own.equation) ** 2 / count
        equation = pde_loss(u, diffusivity, proliferation, grey, self.stencils, self.space.interval_days, weight)
        slices = (strength * own.seed) ** 2 * (u[0] - self.seed(unknowns.origin_mm)).square().sum()
        slices = slices + self.data_weight**2 * self.term(u[-1], core, whole)
        beyond = own.range**2 * (u - u.detach().clamp(0, 1)).square().sum()
        outside = own.outside**2 * (u * (1 - self.inside)).square().sum()
        return equation + (slices + beyond + outside) / count + (own.parameters * self._violation(unknowns)).square()

    def seed(self, origin_mm: Tensor) -> Tensor:
        """The initial tumour about a centre, within tissue."""
        cells, spacing = self.space.shape[1:], self.space.spacing_mm
        if self.wide:
            return wide_seed(origin_mm, cells, spacing, self.space.source.spacing_mm)
        return solver_seed(origin_mm, cells, spacing) * self.inside

    def _violation(self, unknowns: Unknowns) -> Tensor:
        """Sum of how far parameters leave their ranges."""
        total = unknowns.rates.new_zeros(())
        for name, (low, high) in self._ranges.items():
            value = getattr(unknowns, name)
            value = value if name == "origin_mm" else value.abs()
            total = total + torch.relu(low - value).sum() + torch.relu(value - high).sum()
        return total

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=self.inside.dtype, device=self.inside.device)
