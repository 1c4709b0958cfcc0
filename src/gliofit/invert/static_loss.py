"""Loss of a concentration that is fitted voxel by voxel, without a growth model."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["StaticLoss"]

# The field is smooth where it exceeds this; elsewhere there is nothing to smooth.
_PRESENT = 1e-3


class StaticLoss:
    """Overlap with the regions of a segmentation, the shape of a travelling front, and smoothness.

    The sum of (1 - Dice) of whole tumour and core; of the mean of ((k c (1 - c) - |grad c|) / k)^2 over the brain
    without its rim, times ``front_weight``; and of the mean over voxels with tumour of the squared sum of differences
    to the six neighbours, times ``smooth_weight`` (Weidner et al., arXiv:2412.13811).

    Parameters
    ----------
    whole, core
        Share of each voxel in the regions, shape (x, y, z); a core without voxels does not count.
    brain
        1 in the brain and 0 elsewhere.
    thresholds
        Concentrations at the borders of whole tumour and core.
    sharpness
        Slope of the soft masks.
    weights
        ``front_weight`` of the front's shape and ``smooth_weight`` of smoothness.
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
        """Loss of a field of shape (x, y, z) and of the steepness k per mm."""
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
    """Squared gradient by central differences (per mm^2), and the sum of differences to all neighbours (per mm).

    Beyond the box the field goes on as at its faces.
    """
    squared, rough = torch.zeros_like(field), torch.zeros_like(field)
    for axis in range(3):
        step = torch.diff(field, dim=axis) / spacing_mm
        nothing = torch.zeros_like(field.narrow(axis, 0, 1))
        after, before = torch.cat([step, nothing], axis), torch.cat([nothing, step], axis)
        squared = squared + ((after + before) / 2).square()
        rough = rough + after.abs() + before.abs()
    return squared, rough


def _eroded(mask: Tensor) -> Tensor:
    """The mask without the voxels that have a neighbour outside it; the faces of the box are no border."""
    out = mask.clone()
    for axis in range(3):
        size = mask.shape[axis]
        out.narrow(axis, 0, size - 1).mul_(mask.narrow(axis, 1, size - 1))
        out.narrow(axis, 1, size - 1).mul_(mask.narrow(axis, 0, size - 1))
    return out
