"""Initial guess: an explicit forward simulation from the core's centre, stopped at the best overlap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.odil.diffusion import Diffusion
from gliofit.invert.odil.space import SpaceTime
from gliofit.invert.odil.terms import START_CORE, START_WHOLE, AbstractDataTerm

__all__ = ["Guess", "first_guess", "forward"]

# GliODIL's proliferation rate (1/day), diffusivity without a core and largest diffusivity (mm^2/day).
_PROLIFERATION = 0.12
_NO_CORE_DIFFUSIVITY = 0.12
_LARGEST_DIFFUSIVITY = 25 * _PROLIFERATION

# Comparisons with the observation over 100 days; GliODIL compares after every 100 of 4608 steps.
_LOOKS = 46
_LEAST_LOOKS = 10


@dataclass(frozen=True, eq=False)
class Guess:
    """Approximate solution of the growth equation.

    Parameters
    ----------
    field
        Shape (time, x, y, z).
    diffusivity, proliferation
        D in mm^2/day and rho in 1/day, for a growth time of ``DURATION_DAYS``.
    """

    field: Tensor
    diffusivity: float
    proliferation: float


def first_guess(term: AbstractDataTerm, stencil: Diffusion, seed: Tensor, space: SpaceTime) -> Guess:
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
    space
        Space-time grid.
    """
    counts = int(term.core.sum()), int(term.oedema.sum())
    ratio = counts[1] / counts[0] if counts[0] else _NO_CORE_DIFFUSIVITY
    diffusivity = float(np.clip(ratio, 0.01, _LARGEST_DIFFUSIVITY))
    core, oedema = (torch.as_tensor(mask, device=seed.device) for mask in (term.core, term.oedema))
    scores: list[float] = []
    times = np.linspace(0, DURATION_DAYS, _LOOKS + 1)
    for field in forward(seed, diffusivity, _PROLIFERATION, stencil, times):
        in_core = field >= START_CORE
        in_oedema = (field >= START_WHOLE) & ~in_core
        scores.append(counts[0] * _dice(in_core, core) + counts[1] * _dice(in_oedema, oedema))
        # Two lower scores in succession: the tumour is larger than the observed one.
        if len(scores) > _LEAST_LOOKS and scores[-3] > 0 and scores[-3] > max(scores[-2:]):
            break
    share = max(int(np.argmax(scores)), 1) / _LOOKS
    rates = diffusivity * share, _PROLIFERATION * share
    slices = np.linspace(0, DURATION_DAYS, space.slices)
    return Guess(torch.stack(list(forward(seed, *rates, stencil, slices))), *rates)


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
