"""Initial tumour, and initial guess: an explicit forward simulation stopped at the best overlap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.odil.equation import Diffusion
from gliofit.invert.odil.terms import START_CORE, START_WHOLE, AbstractDataTerm
from gliofit.solver.seed import SEED_CUT, SEED_RAMP_MM, SEED_REACH_MM, seed_value

__all__ = ["Guess", "first_guess", "forward", "solver_seed", "wide_seed"]

# Largest distance of the sample points that are averaged in a cell.
_SAMPLE_MM = 0.5

# GliODIL's initial tumour.
_WIDE_PEAK = 1500.0 / (4.0 * math.pi * 15.0) ** 1.5
_WIDE_WIDTH = 60.0

_PEAK = float(seed_value(np.zeros(1))[0])
_WIDTH_MM2 = SEED_REACH_MM**2 / math.log(_PEAK / SEED_CUT)

# GliODIL's proliferation rate (1/day), diffusivity without a core and largest diffusivity (mm^2/day).
_PROLIFERATION = 0.12
_NO_CORE_DIFFUSIVITY = 0.12
_LARGEST_DIFFUSIVITY = 25 * _PROLIFERATION

# Comparisons with the observation over 100 days; GliODIL compares after every 100 of 4608 steps.
_COMPARISONS = 46
_MIN_COMPARISONS = 10


def solver_seed(centre_mm: Tensor, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Tensor:
    """Average the solver's seed (``gliofit.solver.seed.sub_voxel_seed``) over each cell.

    Parameters
    ----------
    centre_mm
        Centre relative to the lower corner of the box, shape (3,).
    shape
        Cells along each axis.
    spacing_mm
        Size of a cell.
    """
    reach = SEED_REACH_MM + SEED_RAMP_MM
    ranges, axes, counts = [], [], []
    for axis in range(3):
        place, cell = float(centre_mm[axis].detach()), spacing_mm[axis]
        low = min(max(math.floor((place - reach) / cell), 0), shape[axis])
        high = max(min(math.ceil((place + reach) / cell), shape[axis]), low)
        points = max(1, math.ceil(cell / _SAMPLE_MM))
        steps = torch.arange(low * points, high * points, dtype=centre_mm.dtype, device=centre_mm.device)
        axes.append(((steps + 0.5) * (cell / points) - centre_mm[axis]).square())
        ranges.append(slice(low, high))
        counts += [high - low, points]
    squared = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    # The square root is not differentiable at zero, where the ramp is constant.
    distance = squared.clamp(min=SEED_RAMP_MM**2).sqrt()
    x = ((reach - distance) / (2 * SEED_RAMP_MM)).clamp(0, 1)
    value = _PEAK * torch.exp(-squared / _WIDTH_MM2) * x * x * (3 - 2 * x)
    out = centre_mm.new_zeros(shape)
    if min(counts) > 0:
        out[tuple(ranges)] = value.reshape(counts).mean(dim=(1, 3, 5))
    return out


def wide_seed(
    centre_mm: Tensor,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    unit_mm: tuple[float, float, float],
) -> Tensor:
    """Sample GliODIL's seed, a Gaussian cut at 0.1 in units of the image's voxels (``unit_mm``), at cell centres."""
    squared = centre_mm.new_zeros(())
    for axis in range(3):
        steps = torch.arange(shape[axis], dtype=centre_mm.dtype, device=centre_mm.device)
        distance = ((steps + 0.5) * spacing_mm[axis] - centre_mm[axis]) / unit_mm[axis]
        squared = squared + distance.square().reshape([-1 if k == axis else 1 for k in range(3)])
    value = (_WIDE_PEAK * torch.exp(-squared / _WIDE_WIDTH)).clamp(max=1)
    return torch.where(value > SEED_CUT, value, 0.0)


@dataclass(frozen=True, eq=False)
class Guess:
    """Approximate solution of the growth equation over ``DURATION_DAYS``.

    Parameters
    ----------
    field
        Shape (time, x, y, z).
    diffusivity, proliferation
        D in mm^2/day and rho in 1/day.
    """

    field: Tensor
    diffusivity: float
    proliferation: float


def first_guess(term: AbstractDataTerm, stencil: Diffusion, seed: Tensor, slices: int) -> Guess:
    """Simulate from ``seed``, with D from the volumes of oedema and core, until their Dice is highest.

    Time is then scaled to ``DURATION_DAYS``, and D and rho accordingly.

    Parameters
    ----------
    term
        Data term with the observed regions.
    stencil
        Diffusion for D = 1 mm^2/day.
    seed
        Initial tumour, shape (x, y, z).
    slices
        Number of time slices.
    """
    counts = int(term.core.sum()), int(term.oedema.sum())
    ratio = counts[1] / counts[0] if counts[0] else _NO_CORE_DIFFUSIVITY
    diffusivity = float(np.clip(ratio, 0.01, _LARGEST_DIFFUSIVITY))
    core, oedema = (torch.as_tensor(mask, device=seed.device) for mask in (term.core, term.oedema))
    scores: list[float] = []
    times = np.linspace(0, DURATION_DAYS, _COMPARISONS + 1)
    for field in forward(seed, diffusivity, _PROLIFERATION, stencil, times):
        in_core = field >= START_CORE
        in_oedema = (field >= START_WHOLE) & ~in_core
        scores.append(counts[0] * _dice(in_core, core) + counts[1] * _dice(in_oedema, oedema))
        # Two lower scores in succession: the tumour is larger than the observed one.
        if len(scores) > _MIN_COMPARISONS and scores[-3] > 0 and scores[-3] > max(scores[-2:]):
            break
    share = max(int(np.argmax(scores)), 1) / _COMPARISONS
    rates = diffusivity * share, _PROLIFERATION * share
    fields = forward(seed, *rates, stencil, np.linspace(0, DURATION_DAYS, slices))
    return Guess(torch.stack(list(fields)), *rates)


def forward(
    seed: Tensor, diffusivity: float, proliferation: float, stencil: Diffusion, times: NDArray[np.float64]
) -> Iterator[Tensor]:
    """Yield fields at increasing times (days, the first is that of the seed), by stable explicit Euler steps."""
    fastest = max(-2 * diffusivity * float(stencil.centre.min()), 1e-9)
    field = seed[None].clone()
    yield field[0].clone()
    for before, after in itertools.pairwise(times):
        steps = int(np.ceil(max((after - before) * fastest / 1.8, (after - before) * proliferation / 0.02, 1)))
        interval = float(after - before) / steps
        for _ in range(steps):
            rate = stencil(field).mul_(diffusivity).addcmul_(field, 1 - field, value=proliferation)
            field.add_(rate, alpha=interval)
        yield field[0].clone()


def _dice(first: Tensor, second: Tensor) -> float:
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else 0.0
