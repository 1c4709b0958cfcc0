"""Loss of a concentration that is fitted voxel by voxel without a growth model."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["StaticLoss"]

# Concentration above which the field is smoothed.
_PRESENT = 1e-3


class StaticLoss:
    """Overlap with the regions of a segmentation, shape of a travelling front, and smoothness.

    Sum of: 1 - Dice of whole tumour and of core; ``front_weight`` times the mean of ((k c (1 - c) - |grad c|) / k)^2
    over the eroded brain; ``smooth_weight`` times the mean, over voxels with tumour, of the squared sum of differences
    to the six neighbours.

    Source: Weidner et al., arXiv:2412.13811.

    Parameters
    ----------
    whole, core
        Share of each voxel in the regions, shape (x, y, z); an empty core is ignored.
    brain
        1 in the brain and 0 elsewhere, shape (x, y, z).
    thresholds
        Concentrations at the borders of whole tumour and core.
    sharpness
        Slope of the soft masks.
    weights
        ``front_weight`` and ``smooth_weight``.
    spacing_mm
        Voxel size.
    """

    def __init__(
        self,
        whole: Tensor,
        core: Tensor,
        brain: Tensor,
        thresholds: tuple[float, float],
        sharpness: float,
        weights: tuple[float, float],
        spacing_mm: float,
    ) -> None:
        self.regions = [
            (mask, at) for mask, at in zip((whole, core), thresholds, strict=True) if bool((mask > 0).any())
        ]
        self.sharpness, self.spacing_mm = sharpness, spacing_mm
        self.front_weight, self.smooth_weight = weights
        self.inner = _eroded(brain)

    def __call__(self, field: Tensor, steepness: Tensor) -> Tensor:
        """Return the loss of a field, shape (x, y, z), and of the steepness k per mm."""
        loss = field.new_zeros(())
        for mask, threshold in self.regions:
            loss = loss + 1 - self._dice(torch.sigmoid(self.sharpness * (field - threshold)), mask)
        squared, rough = _differences(field, self.spacing_mm)
        front = field * (1 - field) - (squared + 1e-12).sqrt() / steepness
        loss = loss + self.front_weight * (front.square() * self.inner).sum() / self.inner.sum().clamp(min=1)
        present = (field.detach() > _PRESENT).to(field.dtype)
        return loss + self.smooth_weight * (rough.square() * present).sum() / present.sum().clamp(min=1)

    @staticmethod
    def _dice(shown: Tensor, mask: Tensor) -> Tensor:
        return 2 * (shown * mask).sum() / (shown.sum() + mask.sum()).clamp(min=1e-6)


def _differences(field: Tensor, spacing_mm: float) -> tuple[Tensor, Tensor]:
    """Compute the squared gradient by central differences (mm^-2) and the sum of differences to neighbours (mm^-1).

    The field is extended by its values at the faces of the box.
    """
    squared, rough = torch.zeros_like(field), torch.zeros_like(field)
    for axis in range(3):
        step = torch.diff(field, dim=axis) / spacing_mm
        zero = torch.zeros_like(field.narrow(axis, 0, 1))
        after, before = torch.cat([step, zero], axis), torch.cat([zero, step], axis)
        squared = squared + ((after + before) / 2).square()
        rough = rough + after.abs() + before.abs()
    return squared, rough


def _eroded(mask: Tensor) -> Tensor:
    """Erode a mask by one voxel, but not at the faces of the box."""
    out = mask.clone()
    for axis in range(3):
        size = mask.shape[axis]
        out.narrow(axis, 0, size - 1).mul_(mask.narrow(axis, 1, size - 1))
        out.narrow(axis, 1, size - 1).mul_(mask.narrow(axis, 0, size - 1))
    return out
