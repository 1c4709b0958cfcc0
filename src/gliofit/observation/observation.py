"""What is known of a tumour: a concentration, or a segmentation seen through an imaging model."""

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

__all__ = [
    "AbstractObservation",
    "ConcentrationObservation",
    "EmptyObservationError",
    "Reduce",
    "SegmentationObservation",
]

#: Brings a volume of the case onto the grid of a forward model, by block means.
Reduce = Callable[[Volume], Volume]


class EmptyObservationError(InputError):
    """There is no tumour in the observation, or none within white and grey matter."""


class AbstractObservation(ABC):
    """An observation on the grid of the case.

    Only voxels labelled white or grey matter count: the growth model says nothing about the rest, and stored
    concentrations are zero there.

    Parameters
    ----------
    tissue
        Tissue of the case.
    """

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue
        self.visible: NDArray[np.bool_] = tissue.visible

    @property
    @abstractmethod
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass in world mm: where networks look, and where a fixed origin is."""

    @property
    @abstractmethod
    def concentration(self) -> Volume:
        """The concentration, observed or made up from the segmentation."""

    @property
    def volume_mm3(self) -> float:
        """Integral of the concentration."""
        return float(self.concentration.data.sum(dtype=np.float64)) * self.tissue.grid.voxel_volume_mm3

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about how the observation was read."""
        return ()

    @abstractmethod
    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Loss on the grid that ``reduce`` leads to."""

    def _tensor(self, data: NDArray[Any], reduce: Reduce, device: torch.device | str) -> torch.Tensor:
        import torch

        volume = Volume(data.astype(np.float32, copy=False), self.tissue.grid)
        return torch.from_numpy(np.ascontiguousarray(reduce(volume).data, dtype=np.float32)).to(device)


class ConcentrationObservation(AbstractObservation):
    """A tumour-cell concentration.

    Parameters
    ----------
    concentration
        Values in [0, 1] on the grid of the tissue, any orientation; set to zero outside white and grey matter.
    tissue
        Tissue of the case.
    subject
        Name for error messages.
    noisy
        Take values as they are, also below 0 and above 1: clipping would turn noise about 0 into tumour. Centre and
        volume are then those of what stands out of the noise (``tumour_in_noise``).
    """

    def __init__(
        self, concentration: Volume, tissue: Tissue, subject: str | Path = "concentration", *, noisy: bool = False
    ) -> None:
        super().__init__(tissue)
        turned = concentration.onto(tissue.grid, subject, "the tissue")
        if noisy and not np.isfinite(turned.data).all():
            raise InputError(subject, "holds values that are not finite", "replace NaN and infinity before use")
        values = turned.data if noisy else concentration_values(turned.data, subject)
        data = np.where(self.visible, values, 0).astype(np.float32)
        # Noise alone may sum to nothing, and then has no centre.
        if not data.sum(dtype=np.float64) > 0:
            raise EmptyObservationError(subject, "is zero in all white and grey matter", "give one that holds a tumour")
        self._concentration = Volume(data, tissue.grid)
        self._tumour = tumour_in_noise(self._concentration, self.visible) if noisy else self._concentration

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the concentration within tissue."""
        return centre_of_mass_mm(self._tumour)

    @property
    def volume_mm3(self) -> float:
        """Integral of the concentration."""
        return float(self._tumour.data.sum(dtype=np.float64)) * self.tissue.grid.voxel_volume_mm3

    @property
    def concentration(self) -> Volume:
        """The observed concentration, zero outside tissue."""
        return self._concentration

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Mean squared error."""
        from gliofit.observation.likelihood import ConcentrationLikelihood

        observed = self._tensor(self._concentration.data, reduce, device)
        return ConcentrationLikelihood(observed, self._tensor(self.visible, reduce, device))


class SegmentationObservation(AbstractObservation):
    """A segmentation, seen through the imaging model.

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values on the grid of the tissue, any orientation.
    tissue
        Tissue of the case.
    imaging
        The imaging model.
    subject
        Name for error messages.
    """

    def __init__(
        self,
        segmentation: Volume,
        tissue: Tissue,
        imaging: ImagingSettings | None = None,
        subject: str | Path = "segmentation",
    ) -> None:
        super().__init__(tissue)
        turned = segmentation.onto(tissue.grid, subject, "the tissue")
        strange = sorted({int(v) for v in np.unique(turned.data)} - {int(label) for label in TumourLabel})
        if strange:
            raise InputError(subject, f"holds label values {strange}", "translate the labels to gliofit's first")
        self.imaging = imaging or ImagingSettings()
        self.masks: TumourMasks = tumour_masks(turned, self.imaging.minimum_enhancing_cc)
        if not (self.masks.whole & self.visible).any():
            raise EmptyObservationError(
                subject, "holds no tumour within white and grey matter", "check the registration of the tissue"
            )
        self._segmentation = turned

    @property
    def _core(self) -> NDArray[np.bool_] | None:
        """The core within tissue, None if nothing is left of it."""
        if self.masks.core is None:
            return None
        inside = self.masks.core & self.visible
        return inside if inside.any() else None

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Centre of mass of the whole-tumour mask."""
        return centre_of_mass_mm(Volume(self.masks.whole, self.tissue.grid))

    @cached_property
    def concentration(self) -> Volume:  # type: ignore[override]
        """A concentration drawn through the segmentation's borders (``pseudo_concentration``), within tissue."""
        drawn = pseudo_concentration(self.masks, self._segmentation, self.imaging)
        return Volume(np.where(self.visible, drawn.data, np.float32(0)), self.tissue.grid)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which core was used, where it is not the usual one, and how much of the tumour the model cannot reach."""
        outside = 1 - np.count_nonzero(self.masks.whole & self.visible) / np.count_nonzero(self.masks.whole)
        notes = list(self.masks.notes)
        if self.masks.core is not None and self._core is None:
            notes.append("the core lies outside white and grey matter: fitted to the whole tumour alone")
        if outside > 0.1:
            notes.append(f"{outside:.0%} of the tumour lies outside white and grey matter and is not fitted")
        return tuple(notes)

    def likelihood(self, reduce: Reduce, device: torch.device | str = "cpu") -> AbstractLikelihood:
        """Soft Dice of whole tumour and core."""
        from gliofit.observation.likelihood import SegmentationLikelihood

        inside = self.visible
        core = self._core
        return SegmentationLikelihood(
            self._tensor(self.masks.whole & inside, reduce, device),
            None if core is None else self._tensor(core, reduce, device),
            self._tensor(inside, reduce, device),
            self.imaging,
        )
