"""Observations of a tumour: a concentration, or a segmentation with an imaging model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume, bounding_box
from gliofit.core.labels import TumourLabel, core_mask, whole_tumour_mask
from gliofit.core.tissue import Tissue
from gliofit.core.unit_interval import concentration_values
from gliofit.observation.imaging import ImagingSettings

if TYPE_CHECKING:
    import torch

    from gliofit.observation.likelihood import AbstractLikelihood

#: Resamples a volume of the case to the grid of a forward model, by block means.
Reduce = Callable[[Volume], Volume]

# Noise: width of the smoothing filter (at least one voxel), and threshold in standard deviations of smoothed noise.
_SMOOTHING_MM, _SIGNAL = 2.0, 5.0

# Synthetic concentration: margin beyond which it is below 1e-3, limits of the rim thickness between core and border,
# which determines the steepness of the front, and rim thickness without a core.
_MARGIN_MM, _RIM_MM, _DEFAULT_RIM_MM = 40.0, (2.0, 20.0), 8.0


class EmptyObservationError(InputError):
    """The observation contains no tumour, or none within white and grey matter."""


class AbstractObservation(ABC):
    """Observation on the grid of the case, restricted to voxels labelled white or grey matter (``visible``)."""

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue
        self.visible: NDArray[np.bool_] = tissue.visible

    @cached_property
    def concentration(self) -> Volume:
        """Observed concentration, or the synthetic one of a segmentation; zero outside tissue."""
        raise NotImplementedError

    @cached_property
    def tumour(self) -> Volume:
        """The part of the concentration that is not noise, from which centre and volume are computed."""
        return self.concentration

    @cached_property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass in world mm: centre of the networks' cube, and position of a fixed origin."""
        return centre_of_mass_mm(self.tumour)

    @property
    def volume_mm3(self) -> float:
        """Integral of the concentration."""
        return float(self.tumour.data.sum(dtype=np.float64)) * self.tissue.grid.voxel_volume_mm3

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on the interpretation of the observation."""
        return ()

    @abstractmethod
    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Return the loss on the grid of ``reduce``: mean squared error, or soft Dice loss of whole tumour and core."""

    def _tensor(self, data: NDArray[Any], reduce: Reduce, device: torch.device | str) -> torch.Tensor:
        import torch

        volume = Volume(data.astype(np.float32, copy=False), self.tissue.grid)
        return torch.from_numpy(np.ascontiguousarray(reduce(volume).data, dtype=np.float32)).to(device)


class ConcentrationObservation(AbstractObservation):
    """Observed tumour-cell concentration.

    Parameters
    ----------
    concentration
        Values in [0, 1] on the grid of the tissue, any orientation; set to zero outside white and grey matter.
    subject
        Name in error messages.
    noisy
        Accept values below 0 and above 1, since clipping would turn noise about 0 into tumour. Centre and volume are
        then those of ``tumour_in_noise``.
    """

    def __init__(
        self, concentration: Volume, tissue: Tissue, subject: str | Path = "concentration", *, noisy: bool = False
    ) -> None:
        super().__init__(tissue)
        oriented = concentration.onto(tissue.grid, subject, "the tissue")
        if noisy and not np.isfinite(oriented.data).all():
            raise InputError(subject, "contains values that are not finite", "replace NaN and infinity")
        values = oriented.data if noisy else concentration_values(oriented.data, subject)
        data = np.where(self.visible, values, 0).astype(np.float32)
        # The centre of mass needs a positive sum, which noise alone may not have.
        if not data.sum(dtype=np.float64) > 0:
            raise EmptyObservationError(
                subject, "is zero in all white and grey matter", "provide a concentration with a tumour"
            )
        self.concentration = Volume(data, tissue.grid)
        self.tumour = tumour_in_noise(self.concentration, self.visible) if noisy else self.concentration

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """See ``AbstractObservation``."""
        from gliofit.observation.likelihood import ConcentrationLikelihood

        observed = self._tensor(self.concentration.data, reduce, device)
        return ConcentrationLikelihood(observed, self._tensor(self.visible, reduce, device))


class SegmentationObservation(AbstractObservation):
    """Observed segmentation, ``TumourLabel`` values on the grid of the tissue, any orientation, with an imaging model.

    ``subject`` is its name in error messages.
    """

    def __init__(
        self,
        segmentation: Volume,
        tissue: Tissue,
        imaging: ImagingSettings | None = None,
        subject: str | Path = "segmentation",
    ) -> None:
        super().__init__(tissue)
        self._segmentation = segmentation.onto(tissue.grid, subject, "the tissue")
        unknown = sorted({int(v) for v in np.unique(self._segmentation.data)} - {int(label) for label in TumourLabel})
        if unknown:
            raise InputError(subject, f"contains unknown label values {unknown}", "convert the labels to gliofit's")
        self.imaging = imaging or ImagingSettings()
        self.masks = tumour_masks(self._segmentation, self.imaging.minimum_enhancing_cc)
        self._whole, self._core = self.masks.whole & self.visible, self.masks.core & self.visible
        if not self._whole.any():
            raise EmptyObservationError(
                subject, "contains no tumour within white and grey matter", "check the registration of the tissue"
            )

    @cached_property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the whole-tumour mask, world mm."""
        return centre_of_mass_mm(Volume(self.masks.whole, self.tissue.grid))

    @cached_property
    def concentration(self) -> Volume:
        """Synthetic concentration (``pseudo_concentration``), zero outside tissue."""
        synthetic = pseudo_concentration(self.masks, self._segmentation, self.imaging)
        return Volume(np.where(self.visible, synthetic.data, np.float32(0)), self.tissue.grid)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on an unusual core, and on the share of the tumour outside white and grey matter."""
        outside = 1 - np.count_nonzero(self._whole) / np.count_nonzero(self.masks.whole)
        notes = list(self.masks.notes)
        if self.masks.core.any() and not self._core.any():
            notes.append("the core lies outside white and grey matter; fitted to the whole tumour only")
        if outside > 0.1:
            notes.append(f"{outside:.0%} of the tumour lies outside white and grey matter and is not fitted")
        return tuple(notes)

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """See ``AbstractObservation``."""
        from gliofit.observation.likelihood import SegmentationLikelihood

        return SegmentationLikelihood(
            self._tensor(self._whole, reduce, device),
            self._tensor(self._core, reduce, device) if self._core.any() else None,
            self._tensor(self.visible, reduce, device),
            self.imaging,
        )


class TumourMasks(NamedTuple):
    """Masks of whole tumour and core, and notes on the choice of the core; an unusable core is an empty mask."""

    whole: NDArray[np.bool_]
    core: NDArray[np.bool_]
    notes: tuple[str, ...]


def tumour_masks(segmentation: Volume, minimum_enhancing_cc: float) -> TumourMasks:
    """Return the masks of a segmentation with ``TumourLabel`` values.

    The core is everything except oedema. With less enhancing tissue than ``minimum_enhancing_cc`` (low grade, or specks
    of a faulty segmentation) it is the non-enhancing core with necrosis; if that is empty, everything except oedema;
    if that is empty, too, there is no core.
    """
    labels = segmentation.data
    whole, core = whole_tumour_mask(labels), core_mask(labels)
    enhancing_cc = np.count_nonzero(labels == TumourLabel.ENHANCING) * segmentation.grid.voxel_volume_mm3 / 1000
    if enhancing_cc > 0 and enhancing_cc >= minimum_enhancing_cc:
        return TumourMasks(whole, core, ())
    fallback = core & (labels != TumourLabel.ENHANCING)
    if fallback.any():
        note = f"only {enhancing_cc:.1f} cc of enhancing tissue; the core is the non-enhancing core (label necrotic)"
        return TumourMasks(whole, fallback, (note,))
    note = f"the core consists of only {enhancing_cc:.1f} cc of enhancing tissue"
    return TumourMasks(whole, core, (note if core.any() else "no core; fitted to the whole tumour only",))


def tumour_in_noise(noisy: Volume, tissue: NDArray[np.bool_]) -> Volume:
    """Keep the largest connected component above the noise and set everything else to zero.

    The noise is estimated by the median absolute deviation over all tissue, most of which has no tumour. Summed over a
    brain, noise would shift the centre of mass of a small tumour by centimetres.

    ``noisy`` is zero outside the mask ``tissue`` of white and grey matter. Returns the component with a margin of two
    voxels, or ``noisy`` itself without noise or without a component.
    """
    inside = noisy.data[tissue]
    sigma = 1.4826 * float(np.median(np.abs(inside - np.median(inside))))
    if sigma == 0:
        return noisy
    width = max(1.0, _SMOOTHING_MM / noisy.grid.isotropic_spacing_mm)
    smooth = ndimage.gaussian_filter(noisy.data.astype(np.float32), width)
    # Standard deviation of white noise after a three-dimensional Gaussian filter.
    smooth_sigma = sigma * (2 * np.sqrt(np.pi) * width) ** -1.5
    components, count = ndimage.label(smooth > _SIGNAL * smooth_sigma)
    if count == 0:
        return noisy
    sums = ndimage.sum_labels(smooth, components, np.arange(1, count + 1))
    tumour = ndimage.binary_dilation(components == 1 + int(np.argmax(sums)), iterations=2)
    return Volume(np.where(tumour, noisy.data, np.float32(0)), noisy.grid)


def pseudo_concentration(masks: TumourMasks, like: Volume, imaging: ImagingSettings) -> Volume:
    """Construct a logistic front through the borders of whole tumour and core.

    A travelling Fisher-Kolmogorov front is close to a logistic curve, so ln(c / (1 - c)) decreases about linearly along
    its normal. The logit is interpolated by distance between its values at the two borders (where c equals the
    thresholds), and extrapolated outside and inside with the slope of the median rim thickness. The result is on the
    grid of ``like``.
    """
    spacing = like.grid.spacing_mm
    box = bounding_box(masks.whole, [int(np.ceil(_MARGIN_MM / voxel)) for voxel in spacing])
    whole = masks.whole[box]

    def outside(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        # Distances are between voxel centres; the border lies half a voxel closer.
        distances: NDArray[np.float64] = ndimage.distance_transform_edt(~mask, sampling=spacing)
        return np.maximum(distances - min(spacing) / 2, 0)

    to_whole, depth = outside(whole), outside(~whole)
    logit_whole, logit_core = (float(np.log(t / (1 - t))) for t in (imaging.threshold_whole, imaging.threshold_core))
    if not masks.core.any():
        slope = (logit_core - logit_whole) / _DEFAULT_RIM_MM
        logit = logit_whole + slope * np.where(whole, depth, -to_whole)
    else:
        core = masks.core[box]
        to_core, core_depth = outside(core), outside(~core)
        rim = whole & ~core
        thickness = np.clip(np.median((to_core + depth)[rim]) if rim.any() else _RIM_MM[0], *_RIM_MM)
        slope = (logit_core - logit_whole) / thickness
        share = depth / np.maximum(depth + to_core, 1e-6)
        logit = np.where(rim, logit_whole + share * (logit_core - logit_whole), logit_whole - slope * to_whole)
        logit = np.where(core, logit_core + slope * core_depth, logit)
    out = np.zeros(like.grid.shape, np.float32)
    out[box] = 1 / (1 + np.exp(-logit))
    return Volume(out, like.grid)
