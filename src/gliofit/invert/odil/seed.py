"""Initial tumour on the cells of a space-time grid, differentiable in its centre."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from gliofit.solver.seed import SEED_CUT, SEED_RAMP_MM, SEED_REACH_MM, seed_value

__all__ = ["solver_seed", "wide_seed"]

#: Largest distance of the sample points that are averaged in a cell.
_SAMPLE_MM = 0.5

# GliODIL's initial tumour.
_WIDE_PEAK = 1500.0 / (4.0 * math.pi * 15.0) ** 1.5
_WIDE_WIDTH = 60.0

_PEAK = float(seed_value(np.zeros(1))[0])
_WIDTH_MM2 = SEED_REACH_MM**2 / math.log(_PEAK / SEED_CUT)


def solver_seed(centre_mm: Tensor, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Tensor:
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
        counts.append(points)
    squared = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    # The square root is not differentiable at zero, where the ramp is constant.
    distance = squared.clamp(min=SEED_RAMP_MM**2).sqrt()
    x = ((reach - distance) / (2 * SEED_RAMP_MM)).clamp(0, 1)
    value = _PEAK * torch.exp(-squared / _WIDTH_MM2) * x * x * (3 - 2 * x)
    sizes = [r.stop - r.start for r in ranges]
    split = [n for pair in zip(sizes, counts, strict=True) for n in pair]
    out = torch.zeros(shape, dtype=centre_mm.dtype, device=centre_mm.device)
    if min(sizes) > 0:
        out[tuple(ranges)] = value.reshape(split).mean(dim=(1, 3, 5))
    return out


def wide_seed(
    centre_mm: Tensor,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    unit_mm: tuple[float, float, float],
) -> Tensor:
    """Sample GliODIL's seed, a Gaussian cut at 0.1 in units of the image's voxels, at cell centres.

    Parameters
    ----------
    centre_mm, shape, spacing_mm
        See ``solver_seed``.
    unit_mm
        Voxel size of the image.
    """
    squared: Tensor | float = 0.0
    for axis in range(3):
        steps = torch.arange(shape[axis], dtype=centre_mm.dtype, device=centre_mm.device)
        away = ((steps + 0.5) * spacing_mm[axis] - centre_mm[axis]) / unit_mm[axis]
        squared = squared + away.square().reshape([-1 if k == axis else 1 for k in range(3)])
    value = (_WIDE_PEAK * torch.exp(-torch.as_tensor(squared) / _WIDE_WIDTH)).clamp(max=1)
    return torch.where(value > SEED_CUT, value, 0.0)
