"""Losses of a predicted concentration, differentiable: the one implementation that solver and networks share.

A prediction is a batch of concentrations averaged over voxels, shape (B, x, y, z); on voxels that are only partly
tissue that is the concentration in the tissue times the tissue's share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from gliofit.invert.imaging import ImagingSettings

__all__ = ["AbstractLikelihood", "ConcentrationLikelihood", "SegmentationLikelihood", "soft_dice", "soft_mask"]

#: Tissue share below which a voxel is not taken as tissue; below it the division by the share is meaningless.
_LEAST_SHARE = 0.1


class AbstractLikelihood(ABC):
    """Loss of predictions against one observation on one grid; zero for a perfect fit, small is good."""

    @abstractmethod
    def __call__(self, concentration: Tensor) -> Tensor:
        """Losses of shape (B,) for concentrations of shape (B, x, y, z)."""

    @abstractmethod
    def curvature(self, concentration: Tensor) -> Tensor:
        """Second derivative of the loss by each voxel's concentration, shape (x, y, z), never negative.

        That of Gauss-Newton: of the misfit as a weighted sum of squares, without second derivatives of what is seen.
        """

    def without_tumour(self) -> float:
        """Loss of no tumour at all: the scale that tolerances are relative to."""
        return float(self(torch.zeros_like(self.template)[None])[0])

    def saturated(self) -> float:
        """Loss of a brain full of tumour."""
        return float(self(self.share[None])[0])

    @property
    @abstractmethod
    def template(self) -> Tensor:
        """A tensor of shape (x, y, z) with the grid's shape, type and device."""

    @property
    @abstractmethod
    def share(self) -> Tensor:
        """Tissue's share of each voxel, shape (x, y, z)."""


class ConcentrationLikelihood(AbstractLikelihood):
    """Mean squared error over all voxels of the grid (paper, section 2.4).

    Parameters
    ----------
    observed
        Observed concentration averaged over voxels, zero outside tissue.
    share
        Tissue's share of each voxel.
    """

    def __init__(self, observed: Tensor, share: Tensor) -> None:
        self.observed, self._share = observed, share

    def __call__(self, concentration: Tensor) -> Tensor:
        """Losses of shape (B,) for concentrations of shape (B, x, y, z)."""
        return (concentration - self.observed).square().flatten(1).mean(dim=1)

    def curvature(self, concentration: Tensor) -> Tensor:
        """See ``AbstractLikelihood.curvature``; exact, since the loss is quadratic."""
        return torch.full_like(concentration, 2 / concentration.numel())

    @property
    def template(self) -> Tensor:
        """The observed concentration."""
        return self.observed

    @property
    def share(self) -> Tensor:
        """Tissue's share of each voxel."""
        return self._share


class SegmentationLikelihood(AbstractLikelihood):
    """Soft Dice of the regions that the imaging model shows: 1/2 [(1 - Dice_whole) + (1 - Dice_core)].

    Parameters
    ----------
    whole, core
        Observed share of each voxel in whole tumour and core, within tissue; without a core only the whole tumour
        counts.
    share
        Tissue's share of each voxel.
    imaging
        Thresholds and width.
    """

    def __init__(self, whole: Tensor, core: Tensor | None, share: Tensor, imaging: ImagingSettings) -> None:
        self.whole, self.core, self._share, self.imaging = whole, core, share, imaging

    def __call__(self, concentration: Tensor) -> Tensor:
        """Losses of shape (B,) for concentrations of shape (B, x, y, z)."""
        in_tissue = self._in_tissue(concentration)
        losses = [self._missed(in_tissue, self.whole, self.imaging.threshold_whole)]
        if self.core is not None:
            losses.append(self._missed(in_tissue, self.core, self.imaging.threshold_core))
        return torch.stack(losses).mean(dim=0)

    def curvature(self, concentration: Tensor) -> Tensor:
        """See ``AbstractLikelihood.curvature``.

        1 - Dice is sum (p - y)^2 / (sum p^2 + sum y^2); its denominator, which changes little, is taken as constant.
        """
        in_tissue = self._in_tissue(concentration)
        regions = [(self.whole, self.imaging.threshold_whole)]
        if self.core is not None:
            regions.append((self.core, self.imaging.threshold_core))
        total = torch.zeros_like(concentration)
        for observed, threshold in regions:
            seen = soft_mask(in_tissue, threshold, self.imaging.width)
            # The slope of the stretched sigmoid by c, which is the prediction over the share, so that shares cancel.
            low, high = _ends(threshold, self.imaging.width)
            sigmoid = low + seen * (high - low)
            slope = sigmoid * (1 - sigmoid) / (self.imaging.width * (high - low))
            slope = torch.where((self._share >= _LEAST_SHARE) & (in_tissue < 1), slope, 0.0)
            norm = (self._share * seen).square().sum() + observed.square().sum()
            total += 2 * slope.square() / norm / len(regions)
        return total

    def _in_tissue(self, concentration: Tensor) -> Tensor:
        """Concentration in the tissue of each voxel, from that averaged over the voxel."""
        share = self._share.clamp(min=_LEAST_SHARE)
        return torch.where(self._share >= _LEAST_SHARE, concentration / share, 0.0).clamp(max=1)

    def _missed(self, in_tissue: Tensor, observed: Tensor, threshold: float) -> Tensor:
        predicted = self._share * soft_mask(in_tissue, threshold, self.imaging.width)
        return 1 - soft_dice(predicted, observed)

    @property
    def template(self) -> Tensor:
        """The observed whole tumour."""
        return self.whole

    @property
    def share(self) -> Tensor:
        """Tissue's share of each voxel."""
        return self._share


def soft_mask(concentration: Tensor, threshold: float, width: float) -> Tensor:
    """How much of a region shows at a concentration: sigmoid((c - threshold) / width), stretched to [0, 1].

    The stretch makes it exactly 0 at c = 0: otherwise the tail of the sigmoid, summed over the whole head, adds
    cubic centimetres of tumour that is not there.
    """
    low, high = _ends(threshold, width)
    return (torch.sigmoid((concentration - threshold) / width) - low) / (high - low)


def _ends(threshold: float, width: float) -> tuple[float, float]:
    """The sigmoid at concentrations 0 and 1."""
    low, high = torch.sigmoid(torch.tensor([-threshold / width, (1 - threshold) / width], dtype=torch.float64)).tolist()
    return low, high


def soft_dice(predicted: Tensor, observed: Tensor) -> Tensor:
    """Dice 2 sum(p y) / (sum(p^2) + sum(y^2)) over the last three axes; 0 where both are empty.

    With squares, it is 1 exactly where p = y also for voxels that a region fills in part; for masks of zeros and ones
    it is the usual Dice.
    """
    axes = (-3, -2, -1)
    both = (predicted * observed).sum(dim=axes)
    either = predicted.square().sum(dim=axes) + observed.square().sum(dim=axes)
    return 2 * both / either.clamp(min=1e-12)
