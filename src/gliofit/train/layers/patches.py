"""Conversion of fine voxels to channels of coarse voxels, on which convolutions cost a fraction."""

from __future__ import annotations

from torch import Tensor


def gather(x: Tensor, factor: int) -> Tensor:
    """Move the ``factor``^3 fine voxels of each coarse one into channels.

    From (batch, channels, x, y, z) to (batch, channels factor^3, x / factor, y / factor, z / factor).
    """
    batch, channels, *shape = x.shape
    a, b, c = (n // factor for n in shape)
    parts = x.reshape(batch, channels, a, factor, b, factor, c, factor)
    return parts.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, channels * factor**3, a, b, c)


def scatter(x: Tensor, factor: int) -> Tensor:
    """Move channels to fine voxels; inverse of :func:`gather`."""
    batch, channels, a, b, c = x.shape
    parts = x.reshape(batch, channels // factor**3, factor, factor, factor, a, b, c)
    shape = (batch, channels // factor**3, a * factor, b * factor, c * factor)
    return parts.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(shape)
