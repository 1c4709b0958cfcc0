"""A field as a sum over grids of halved resolution, so that coarse grids carry changes over long distances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

__all__ = ["assemble", "interpolation_matrix", "level_shapes", "refine"]


def level_shapes(shape: Sequence[int], levels: int) -> list[tuple[int, ...]]:
    """Shapes of the levels, the finest first.

    Raises
    ------
    ValueError
        If an axis cannot be halved that often.
    """
    step = 2 ** (levels - 1)
    if any(size % step or size < step for size in shape):
        raise ValueError(f"{levels} levels need cell numbers that are multiples of {step}, not {tuple(shape)}")
    return [tuple(size // 2**level for size in shape) for level in range(levels)]


@cache
def interpolation_matrix(cells: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Cell-centred linear interpolation from ``cells`` to twice as many, shape (2 cells, cells).

    A fine cell takes 3/4 of its coarse cell and 1/4 of the nearest other one, which beyond the ends is extrapolated
    linearly: constants and linear functions are reproduced.
    """
    matrix = torch.zeros(2 * cells, cells, dtype=torch.float64)
    for fine in range(2 * cells):
        own = fine // 2
        other = own + (1 if fine % 2 else -1)
        matrix[fine, own] += 0.75
        if 0 <= other < cells:
            matrix[fine, other] += 0.25
        elif cells == 1:
            matrix[fine, own] += 0.25
        else:
            matrix[fine, own] += 0.5
            matrix[fine, 2 * own - other] -= 0.25
    return matrix.to(dtype=dtype, device=device)


def refine(field: Tensor) -> Tensor:
    """Interpolate a field to twice the cells along every axis."""
    for axis in range(field.ndim):
        matrix = interpolation_matrix(field.shape[axis], field.dtype, field.device)
        before, after = field.shape[:axis], field.shape[axis + 1 :]
        if after:
            # Products of matrices use memory far better than sums of strided slices.
            field = (matrix @ field.reshape(*before, field.shape[axis], -1)).reshape(*before, -1, *after)
        else:
            field = field @ matrix.T
    return field


def assemble(levels: Sequence[Tensor]) -> Tensor:
    """The field: each level added to the interpolated sum of the coarser ones; the finest level comes first."""
    field = levels[-1]
    for level in reversed(levels[:-1]):
        field = level + refine(field)
    return field
