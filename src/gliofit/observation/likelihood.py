"""Losses of a predicted concentration, differentiable: the one implementation that solver and networks share.

A prediction is a batch of concentrations averaged over voxels, shape (B, x, y, z); on voxels that are only partly
tissue that is the concentration in the tissue times the tissue's share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.threads import torch_threads
from gliofit.observation.imaging import ImagingSettings

__all__ = ["AbstractLikelihood", "ConcentrationLikelihood", "SegmentationLikelihood", "Term", "soft_dice", "soft_mask"]

#: Tissue share below which a voxel is not taken as tissue; below it the division by the share is meaningless.
_LEAST_SHARE = 0.1

#: Steps of concentration that a threshold is fitted with.
_BINS = 1024


@dataclass(frozen=True, eq=False)
class Term:
    """One part of a loss, expanded about a prediction.

    Parameters
    ----------
    slope
        Derivative of this part by each voxel's concentration, shape (x, y, z).
    curvature
        Its second derivative, that of Gauss-Newton (of the misfit as a weighted sum of squares, without second
        derivatives of what is seen), shape (x, y, z), never negative.
    floats
        Whether a threshold was fitted to the prediction. A change of concentration that is the same all along the
        contour then changes nothing: what counts of any change is its difference from the mean weighted by
        ``curvature``.
    """

    slope: Tensor
    curvature: Tensor
    floats: bool = False


class AbstractLikelihood(ABC):
    """Loss of predictions against one observation on one grid; zero for a perfect fit.

    Computed on one thread, so that sums over voxels are rounded the same way on every machine.
    """

    def __call__(self, concentration: Tensor) -> Tensor:
        """Losses of shape (B,) for concentrations of shape (B, x, y, z)."""
        with torch_threads(1):
            return self._losses(concentration)

    def terms(self, concentration: Tensor) -> list[Term]:
        """Parts whose slopes add up to that of the loss, at one concentration of shape (x, y, z)."""
        with torch_threads(1):
            return self._terms(concentration)

    @abstractmethod
    def _losses(self, concentration: Tensor) -> Tensor: ...

    @abstractmethod
    def _terms(self, concentration: Tensor) -> list[Term]: ...

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

    def _losses(self, concentration: Tensor) -> Tensor:
        return (concentration - self.observed).square().flatten(1).mean(dim=1)

    def _terms(self, concentration: Tensor) -> list[Term]:
        """Exact, since the loss is quadratic."""
        count = concentration.numel()
        return [Term(2 / count * (concentration - self.observed), torch.full_like(concentration, 2 / count))]

    @property
    def template(self) -> Tensor:
        """The observed concentration."""
        return self.observed

    @property
    def share(self) -> Tensor:
        """Tissue's share of each voxel."""
        return self._share


@dataclass(frozen=True, eq=False)
class _Region:
    """A mask with its weight in the loss, its threshold, and the range of that where it is fitted."""

    observed: Tensor
    weight: float
    threshold: float
    span: tuple[float, float] | None


class SegmentationLikelihood(AbstractLikelihood):
    """Soft Dice of the regions that the imaging model shows: w (1 - Dice_whole) + (1 - w) (1 - Dice_core).

    Parameters
    ----------
    whole, core
        Observed share of each voxel in whole tumour and core, within tissue; without a core only the whole tumour
        counts.
    share
        Tissue's share of each voxel.
    imaging
        Thresholds, or the ranges they are fitted in, width and weight w.
    """

    def __init__(self, whole: Tensor, core: Tensor | None, share: Tensor, imaging: ImagingSettings) -> None:
        self.whole, self.core, self._share, self.imaging = whole, core, share, imaging

    def _losses(self, concentration: Tensor) -> Tensor:
        losses = []
        for one in self._in_tissue(concentration):
            parts = [region.weight * self._missed(one, region) for region in self._regions()]
            losses.append(torch.stack(parts).sum())
        return torch.stack(losses)

    def _terms(self, concentration: Tensor) -> list[Term]:
        """Parts of the loss, one per region.

        1 - Dice is sum (p - y)^2 / (sum p^2 + sum y^2); its denominator, which changes little, is taken as constant in
        the curvature.
        """
        return [self._term(concentration, region) for region in self._regions()]

    def thresholds(self, concentration: Tensor) -> tuple[float, float | None]:
        """Thresholds of whole tumour and core at a prediction of shape (x, y, z): the fitted ones, or those set."""
        one = self._in_tissue(concentration)
        found = [self._threshold(one.detach(), region) for region in self._regions()]
        return found[0], found[1] if len(found) > 1 else None

    def _regions(self) -> list[_Region]:
        own = self.imaging
        spans = (own.range_whole, own.range_core) if own.fit_thresholds else (None, None)
        if self.core is None:
            return [_Region(self.whole, 1.0, own.threshold_whole, spans[0])]
        return [
            _Region(self.whole, own.weight_whole, own.threshold_whole, spans[0]),
            _Region(self.core, 1 - own.weight_whole, own.threshold_core, spans[1]),
        ]

    def _term(self, concentration: Tensor, region: _Region) -> Term:
        seen_as = concentration.detach().clone().requires_grad_(True)
        in_tissue = self._in_tissue(seen_as)
        loss = region.weight * self._missed(in_tissue, region)
        (slope,) = torch.autograd.grad(loss, seen_as)
        with torch.no_grad():
            width, threshold = self.imaging.width, self._threshold(in_tissue, region)
            seen = soft_mask(in_tissue, threshold, width)
            # The slope of the stretched sigmoid by c, which is the prediction over the share, so that shares cancel.
            low, high = _ends(threshold, width)
            sigmoid = low + seen * (high - low)
            rise = sigmoid * (1 - sigmoid) / (width * (high - low))
            rise = torch.where((self._share >= _LEAST_SHARE) & (in_tissue < 1), rise, 0.0)
            norm = (self._share * seen).square().sum() + region.observed.square().sum()
            curvature = 2 * region.weight * rise.square() / norm
        floats = region.span is not None and region.span[0] < threshold < region.span[1]
        return Term(slope, curvature, floats)

    def _in_tissue(self, concentration: Tensor) -> Tensor:
        """Concentration in the tissue of each voxel, from that averaged over the voxel."""
        share = self._share.clamp(min=_LEAST_SHARE)
        return torch.where(self._share >= _LEAST_SHARE, concentration / share, 0.0).clamp(max=1)

    def _missed(self, in_tissue: Tensor, region: _Region) -> Tensor:
        # Where the threshold is the best one, its own change with the prediction does not change the loss.
        threshold = self._threshold(in_tissue.detach(), region)
        predicted = self._share * soft_mask(in_tissue, threshold, self.imaging.width)
        return 1 - soft_dice(predicted, region.observed)

    def _threshold(self, in_tissue: Tensor, region: _Region) -> float:
        """The region's threshold: the set one, or that of the highest soft Dice within its range."""
        if region.span is None:
            return region.threshold
        # Sums over voxels of equal concentration, so that a threshold costs a thousand operations.
        place = (in_tissue * _BINS).long().clamp(0, _BINS - 1).flatten()
        double = torch.float64
        shared = torch.bincount(place, (self._share * region.observed).flatten().to(double), _BINS)
        squared = torch.bincount(place, self._share.square().flatten().to(double), _BINS)
        centres = (torch.arange(_BINS, dtype=double, device=in_tissue.device) + 0.5) / _BINS
        tried = np.linspace(*region.span, 1 + round((region.span[1] - region.span[0]) / 0.005))
        seen = torch.stack([soft_mask(centres, float(one), self.imaging.width) for one in tried])
        either = seen.square() @ squared + region.observed.double().square().sum()
        return _top(tried, (2 * (seen @ shared) / either.clamp(min=1e-12)).cpu().numpy())

    @property
    def template(self) -> Tensor:
        """The observed whole tumour."""
        return self.whole

    @property
    def share(self) -> Tensor:
        """Tissue's share of each voxel."""
        return self._share


def _top(places: NDArray[np.float64], heights: NDArray[np.float64]) -> float:
    """Where a function sampled at even places is highest, by a parabola through the highest sample's neighbours."""
    at = int(heights.argmax())
    if at in (0, len(places) - 1):
        return float(places[at])
    before, top, after = heights[at - 1 : at + 2]
    bend = before - 2 * top + after
    shift = 0.0 if bend >= 0 else 0.5 * (before - after) / bend
    return float(places[at] + shift * (places[1] - places[0]))


def soft_mask(concentration: Tensor, threshold: float, width: float) -> Tensor:
    """How much of a region shows at a concentration: sigmoid((c - threshold) / width), stretched to [0, 1].

    The stretch makes it exactly 0 at c = 0: otherwise the tail of the sigmoid, summed over the whole head, adds
    cubic centimetres of tumour that is not there.

    Parameters
    ----------
    concentration
        Any shape, 0 to 1.
    threshold
        Concentration at the region's border.
    width
        Width of the step, in concentration.

    Returns
    -------
    Shares between 0 and 1, of the shape of ``concentration``.
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

    Source: Milletari et al., V-Net, 3DV 2016.

    Parameters
    ----------
    predicted, observed
        Shares of voxels in a region, shapes (..., x, y, z).

    Returns
    -------
    Dice of shape (...).
    """
    axes = (-3, -2, -1)
    both = (predicted * observed).sum(dim=axes)
    either = predicted.square().sum(dim=axes) + observed.square().sum(dim=axes)
    return 2 * both / either.clamp(min=1e-12)
