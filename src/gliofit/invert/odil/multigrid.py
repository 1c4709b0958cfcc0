"""Multigrid representation of a field: a sum over grids of halved resolution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

__all__ = ["assemble", "interpolation_matrix", "level_shapes", "refine"]


def level_shapes(shape: Sequence[int], levels: int) -> list[tuple[int, ...]]:
    """Return the shapes of the levels, the finest first; raise ValueError if an axis is not divisible."""
    step = 2 ** (levels - 1)
    if any(size % step or size < step for size in shape):
        raise ValueError(f"levels: {levels} levels require multiples of {step} cells, not {tuple(shape)}")
    return [tuple(size // 2**level for size in shape) for level in range(levels)]


@cache
def interpolation_matrix(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
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
        matrix = interpolation_matrix(field.shape[axis], field.dtype, field.device)
        before, after = field.shape[:axis], field.shape[axis + 1 :]
        if after:
            # Matrix products are much faster than sums of strided slices.
            field = (matrix @ field.reshape(*before, field.shape[axis], -1)).reshape(*before, -1, *after)
        else:
            field = field @ matrix.T
    return field


def assemble(levels: Sequence[Tensor]) -> Tensor:
    """Assemble the field: add each level to the interpolated sum of the coarser ones; the finest level is first."""
    field = levels[-1]
    for level in reversed(levels[:-1]):
        field = level + refine(field)
    return field
