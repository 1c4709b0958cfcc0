"""Observations of a tumour: a concentration, or a segmentation with an imaging model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.core.unit_interval import concentration_values
from gliofit.observation.imaging import ImagingSettings
from gliofit.observation.masks import TumourMasks, tumour_masks
from gliofit.observation.noise import tumour_in_noise
from gliofit.observation.pseudo import pseudo_concentration

if TYPE_CHECKING:
    import torch

    from gliofit.observation.likelihood import AbstractLikelihood

#: Resamples a volume of the case to the grid of a forward model, by block means.
Reduce = Callable[[Volume], Volume]


class EmptyObservationError(InputError):
    """The observation contains no tumour, or none within white and grey matter."""


class AbstractObservation(ABC):
    """Observation on the grid of the case, restricted to voxels labelled white or grey matter (``visible``)."""

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue
        self.visible: NDArray[np.bool_] = tissue.visible

    @property
    @abstractmethod
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass in world mm: centre of the networks' cube, and position of a fixed origin."""

    @property
    @abstractmethod
    def concentration(self) -> Volume:
        """Observed concentration, or the synthetic one of a segmentation."""

    @property
    def volume_mm3(self) -> float:
        """Integral of the concentration."""
        return float(self.concentration.data.sum(dtype=np.float64)) * self.tissue.grid.voxel_volume_mm3

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on the interpretation of the observation."""
        return ()

    @abstractmethod
    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Return the loss on the grid of ``reduce``."""

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
    tissue
        Tissue of the case.
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
        self._concentration = Volume(data, tissue.grid)
        self._tumour = tumour_in_noise(self._concentration, self.visible) if noisy else self._concentration

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the concentration within tissue, world mm."""
        return centre_of_mass_mm(self._tumour)

    @property
    def volume_mm3(self) -> float:
        """Integral of the concentration."""
        return float(self._tumour.data.sum(dtype=np.float64)) * self.tissue.grid.voxel_volume_mm3

    @property
    def concentration(self) -> Volume:
        """Observed concentration, zero outside tissue."""
        return self._concentration

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Return the mean squared error on the grid of ``reduce``."""
        from gliofit.observation.likelihood import ConcentrationLikelihood

        observed = self._tensor(self._concentration.data, reduce, device)
        return ConcentrationLikelihood(observed, self._tensor(self.visible, reduce, device))


class SegmentationObservation(AbstractObservation):
    """Observed segmentation with an imaging model.

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values on the grid of the tissue, any orientation.
    tissue
        Tissue of the case.
    imaging
        Imaging model.
    subject
        Name in error messages.
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
        self.masks: TumourMasks = tumour_masks(self._segmentation, self.imaging.minimum_enhancing_cc)
        if not (self.masks.whole & self.visible).any():
            raise EmptyObservationError(
                subject, "contains no tumour within white and grey matter", "check the registration of the tissue"
            )

    @property
    def _core(self) -> NDArray[np.bool_] | None:
        """Core within tissue; None if it is empty."""
        if self.masks.core is None:
            return None
        inside = self.masks.core & self.visible
        return inside if inside.any() else None

    @property
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
        outside = 1 - np.count_nonzero(self.masks.whole & self.visible) / np.count_nonzero(self.masks.whole)
        notes = list(self.masks.notes)
        if self.masks.core is not None and self._core is None:
            notes.append("the core lies outside white and grey matter; fitted to the whole tumour only")
        if outside > 0.1:
            notes.append(f"{outside:.0%} of the tumour lies outside white and grey matter and is not fitted")
        return tuple(notes)

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Return the soft Dice loss of whole tumour and core on the grid of ``reduce``."""
        from gliofit.observation.likelihood import SegmentationLikelihood

        core = self._core
        return SegmentationLikelihood(
            self._tensor(self.masks.whole & self.visible, reduce, device),
            None if core is None else self._tensor(core, reduce, device),
            self._tensor(self.visible, reduce, device),
            self.imaging,
        )
