"""Differentiable losses of a predicted concentration, for solvers and networks.

Predictions are concentrations averaged over voxels, shape (B, x, y, z): the concentration in the tissue times the
tissue's share of the voxel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.threads import torch_threads
from gliofit.observation.imaging import ImagingSettings

#: Smallest share of tissue in a voxel by which concentrations are divided.
_LEAST_SHARE = 0.1

#: Bins of concentration for fitting thresholds.
_BINS = 1024


class Term(NamedTuple):
    """Expansion of one term of a loss about a prediction."""

    #: Derivative by each voxel's concentration, shape (x, y, z).
    slope: Tensor
    #: Gauss-Newton second derivative, shape (x, y, z), non-negative.
    curvature: Tensor
    #: Whether a threshold was fitted to the prediction. The loss then does not change with a uniform change of
    #: concentration along the contour; the mean weighted by ``curvature`` is subtracted from any change.
    floats: bool = False


class AbstractLikelihood(ABC):
    """Loss of predictions for one observation on one grid; zero for a perfect fit.

    Computed on one thread, so that sums over voxels are rounded in the same way on every machine. ``template`` are
    observed values, which define shape, type and device of the grid; ``share`` is the tissue's share of each voxel;
    shapes (x, y, z).
    """

    #: Whether residuals at the minimum are so large that second derivatives of the concentration matter.
    large_residuals: ClassVar[bool] = False

    def __init__(self, template: Tensor, share: Tensor) -> None:
        self.template, self.share = template, share

    @abstractmethod
    def __call__(self, concentration: Tensor) -> Tensor:
        """Return losses, shape (B,), of concentrations of shape (B, x, y, z)."""

    @abstractmethod
    def terms(self, concentration: Tensor) -> list[Term]:
        """Return the terms of the loss at one concentration of shape (x, y, z); their slopes add up to the gradient."""

    @abstractmethod
    def residuals(self, concentration: Tensor) -> list[Tensor]:
        """Return observed minus predicted values of each observed region, shapes (x, y, z), for one prediction."""

    def without_tumour(self) -> float:
        """Return the loss without tumour, the scale of relative tolerances."""
        return float(self(torch.zeros_like(self.template)[None])[0])

    def saturated(self) -> float:
        """Return the loss of concentration 1 in all tissue."""
        return float(self(self.share[None])[0])


class ConcentrationLikelihood(AbstractLikelihood):
    """Mean squared error over all voxels of the grid (paper, section 2.4). ``template`` is the observation."""

    def residuals(self, concentration: Tensor) -> list[Tensor]:
        """See ``AbstractLikelihood``."""
        return [self.template - concentration]

    @torch_threads(1)
    def __call__(self, concentration: Tensor) -> Tensor:
        """See ``AbstractLikelihood``."""
        return (concentration - self.template).square().flatten(1).mean(dim=1)

    def terms(self, concentration: Tensor) -> list[Term]:
        """See ``AbstractLikelihood``."""
        count = concentration.numel()
        return [Term(2 / count * (concentration - self.template), torch.full_like(concentration, 2 / count))]


class _Region(NamedTuple):
    """Observed mask, weight in the loss, threshold, and the range of a fitted threshold."""

    observed: Tensor
    weight: float
    threshold: float
    span: tuple[float, float] | None


class SegmentationLikelihood(AbstractLikelihood):
    """Soft Dice loss of the imaging model's regions: w (1 - Dice_whole) + (1 - w) (1 - Dice_core).

    ``whole`` and ``core`` are the observed share of each voxel in the regions, within tissue. Without a core, w = 1.
    """

    large_residuals: ClassVar[bool] = True

    def __init__(self, whole: Tensor, core: Tensor | None, share: Tensor, imaging: ImagingSettings) -> None:
        super().__init__(whole, share)
        self.width = imaging.width
        spans = (imaging.range_whole, imaging.range_core) if imaging.fit_thresholds else (None, None)
        weight = 1.0 if core is None else imaging.weight_whole
        self._regions = [_Region(whole, weight, imaging.threshold_whole, spans[0])]
        if core is not None:
            self._regions.append(_Region(core, 1 - weight, imaging.threshold_core, spans[1]))

    @torch_threads(1)
    def __call__(self, concentration: Tensor) -> Tensor:
        """See ``AbstractLikelihood``."""
        losses = []
        for in_tissue in self._in_tissue(concentration):
            parts = [region.weight * self._dice_loss(in_tissue, region) for region in self._regions]
            losses.append(torch.stack(parts).sum())
        return torch.stack(losses)

    @torch_threads(1)
    def terms(self, concentration: Tensor) -> list[Term]:
        """See ``AbstractLikelihood``."""
        return [self._term(concentration, region) for region in self._regions]

    def residuals(self, concentration: Tensor) -> list[Tensor]:
        """See ``AbstractLikelihood``."""
        in_tissue = self._in_tissue(concentration)
        return [
            region.observed - self.share * soft_mask(in_tissue, self._threshold(in_tissue, region), self.width)
            for region in self._regions
        ]

    def thresholds(self, concentration: Tensor) -> list[float]:
        """Return the thresholds of whole tumour and core (if any), fitted or fixed, at a prediction (x, y, z)."""
        in_tissue = self._in_tissue(concentration).detach()
        return [self._threshold(in_tissue, region) for region in self._regions]

    def _term(self, concentration: Tensor, region: _Region) -> Term:
        """Expand w (1 - Dice) = w sum (p - y)^2 / (sum p^2 + sum y^2); the curvature neglects the denominator's."""
        variable = concentration.detach().clone().requires_grad_(True)
        in_tissue = self._in_tissue(variable)
        loss = region.weight * self._dice_loss(in_tissue, region)
        (slope,) = torch.autograd.grad(loss, variable)
        with torch.no_grad():
            width, threshold = self.width, self._threshold(in_tissue, region)
            mask = soft_mask(in_tissue, threshold, width)
            # Derivative of the scaled sigmoid by c. Since c is the prediction divided by the share, shares cancel.
            low, high = _ends(threshold, width)
            sigmoid = low + mask * (high - low)
            rise = sigmoid * (1 - sigmoid) / (width * (high - low))
            rise = torch.where((self.share >= _LEAST_SHARE) & (in_tissue < 1), rise, 0.0)
            norm = (self.share * mask).square().sum() + region.observed.square().sum()
            curvature = 2 * region.weight * rise.square() / norm
        floats = region.span is not None and region.span[0] < threshold < region.span[1]
        return Term(slope, curvature, floats)

    def _in_tissue(self, concentration: Tensor) -> Tensor:
        """Convert voxel averages to concentrations in the tissue of each voxel."""
        share = self.share.clamp(min=_LEAST_SHARE)
        return torch.where(self.share >= _LEAST_SHARE, concentration / share, 0.0).clamp(max=1)

    def _dice_loss(self, in_tissue: Tensor, region: _Region) -> Tensor:
        # At an optimal threshold the derivative of the loss by the threshold is zero, so it is detached.
        threshold = self._threshold(in_tissue.detach(), region)
        predicted = self.share * soft_mask(in_tissue, threshold, self.width)
        return 1 - soft_dice(predicted, region.observed)

    def _threshold(self, in_tissue: Tensor, region: _Region) -> float:
        """Return the fixed threshold, or the one with the highest soft Dice within the range."""
        if region.span is None:
            return region.threshold
        # Histograms over concentration make a threshold cost a thousand operations instead of one per voxel.
        bins = (in_tissue * _BINS).long().clamp(0, _BINS - 1).flatten()
        double = torch.float64
        overlap = torch.bincount(bins, (self.share * region.observed).flatten().to(double), _BINS)
        squared = torch.bincount(bins, self.share.square().flatten().to(double), _BINS)
        centres = (torch.arange(_BINS, dtype=double, device=in_tissue.device) + 0.5) / _BINS
        candidates = np.linspace(*region.span, 1 + round((region.span[1] - region.span[0]) / 0.005))
        masks = torch.stack([soft_mask(centres, float(candidate), self.width) for candidate in candidates])
        norm = masks.square() @ squared + region.observed.double().square().sum()
        return _maximum(candidates, (2 * (masks @ overlap) / norm.clamp(min=1e-12)).cpu().numpy())


def _maximum(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the position of the maximum of an evenly sampled function, by a parabola through the highest samples."""
    at = int(y.argmax())
    if at in (0, len(x) - 1):
        return float(x[at])
    before, top, after = y[at - 1 : at + 2]
    bend = before - 2 * top + after
    shift = 0.0 if bend >= 0 else 0.5 * (before - after) / bend
    return float(x[at] + shift * (x[1] - x[0]))


def soft_mask(concentration: Tensor, threshold: float, width: float) -> Tensor:
    """Compute the visible share of a region, sigmoid((c - threshold) / width) scaled to [0, 1].

    Without the scaling, the sigmoid's tail at c = 0, summed over the whole head, adds cubic centimetres of tumour.
    """
    low, high = _ends(threshold, width)
    return (torch.sigmoid((concentration - threshold) / width) - low) / (high - low)


def _ends(threshold: float, width: float) -> tuple[float, float]:
    """Return the sigmoid at concentrations 0 and 1."""
    low, high = torch.sigmoid(torch.tensor([-threshold / width, (1 - threshold) / width], dtype=torch.float64)).tolist()
    return low, high


def soft_dice(predicted: Tensor, observed: Tensor) -> Tensor:
    """Compute the Dice 2 sum(p y) / (sum(p^2) + sum(y^2)) over the last three axes; 0 if both are empty.

    With squares, Dice is 1 for p = y in partly filled voxels, too. For binary masks it equals the usual Dice.

    Source: Milletari et al., V-Net, 3DV 2016.
    """
    axes = (-3, -2, -1)
    both = (predicted * observed).sum(dim=axes)
    either = predicted.square().sum(dim=axes) + observed.square().sum(dim=axes)
    return 2 * both / either.clamp(min=1e-12)
