"""Discrete loss of field and parameters (equation, seed, data and violated ranges), and its initial guess."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
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
from gliofit.invert.odil.data import START_CORE, START_WHOLE, DataTerm, SpaceTime
from gliofit.invert.odil.equation import Diffusion, cell_loss
from gliofit.solver.seed import SEED_CUT, SEED_RAMP_MM, SEED_REACH_MM, seed_value

if TYPE_CHECKING:
    from gliofit.invert.methods.gliodil import WeightSettings

# Ranges of GliODIL's learned thresholds of core and whole tumour, and of log10(D_WM / D_GM).
_CORE_RANGE, _WHOLE_RANGE, _RATIO_RANGE = (0.50, 0.85), (0.20, 0.50), (1.0, 3.0)

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


@dataclass(eq=False)
class Unknowns:
    """Optimisation variables; the absolute values of ``rates``, ``imaging`` and ``log_ratio`` are used."""

    #: Grids of halved resolution, the finest first, whose interpolated sum is the field.
    levels: list[Tensor]
    #: Centre of the seed relative to the lower corner of the box in units of ``unit_mm``, shape (3,).
    place: Tensor
    #: D in mm^2/day and rho in 1/day, shape (2,).
    rates: Tensor
    #: Thresholds of core and whole tumour, shape (2,).
    imaging: Tensor
    #: log10(D_WM / D_GM), shape (1,).
    log_ratio: Tensor
    #: Unit of ``place``; a large unit increases the steps of optimisers that scale with gradients.
    unit_mm: float = 1.0

    @property
    def origin_mm(self) -> Tensor:
        """Centre of the seed relative to the lower corner of the box in mm, shape (3,)."""
        return self.place * self.unit_mm


@dataclass(eq=False)
class DiscreteLoss:
    """Discrete loss on a space-time grid."""

    space: SpaceTime
    #: See ``equation.pde_loss``.
    stencils: tuple[Diffusion, Diffusion | None]
    #: 1 in cells of white and grey matter, 0 elsewhere.
    inside: Tensor
    #: Data term, whose weight is ``data_weight``.
    term: DataTerm
    #: Ranges of theta.
    bounds: Bounds
    #: Weights of the other terms.
    weights: WeightSettings
    data_weight: float
    #: Whether to use GliODIL's initial tumour.
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
        slices = slices + self.data_weight**2 * self.term.misfit(last, core, whole)
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
        coarse, step = fine // 2, 1 if fine % 2 else -1
        share = 0.25 if 0 <= coarse + step < cells else -0.25
        neighbour = min(max(coarse + step * (1 if share > 0 else -1), 0), cells - 1)
        matrix[fine, coarse] += 1 - share
        matrix[fine, neighbour] += share
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


def solver_seed(centre_mm: Tensor, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Tensor:
    """Average the solver's seed (``gliofit.solver.seed.sub_voxel_seed``) over each cell.

    ``centre_mm``, shape (3,), is relative to the lower corner of the box with ``shape`` cells of ``spacing_mm``.
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


def first_guess(term: DataTerm, stencil: Diffusion, seed: Tensor, slices: int) -> tuple[Tensor, float, float]:
    """Simulate from ``seed``, with D from the volumes of oedema and core, until their Dice is highest.

    Time is then scaled to ``DURATION_DAYS``, and D and rho accordingly. ``stencil`` is for D = 1 mm^2/day. Returns the
    field, shape (time, x, y, z) with ``slices`` times, D in mm^2/day and rho in 1/day.
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
    return torch.stack(list(fields)), *rates


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
