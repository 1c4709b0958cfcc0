"""Data terms: misfit of the last slice of a space-time field to a concentration or a segmentation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.grid import Volume
from gliofit.invert.odil.space import SpaceTime
from gliofit.observation.observation import AbstractObservation, SegmentationObservation

__all__ = ["START_CORE", "START_WHOLE", "AbstractDataTerm", "RegionTerm", "data_term", "tumour_mask"]

#: Initial thresholds of core and whole tumour, also used to divide a concentration into regions.
START_CORE, START_WHOLE = 0.65, 0.30

# Smallest concentration that the box must contain.
_VISIBLE = 0.1
# Smallest visible share of a cell in a region.
_MIN_SHARE = 0.5


class AbstractDataTerm(ABC):
    """Sum over cells of the squared misfit of the last slice.

    ``core`` and ``oedema`` are masks of the observed regions, for the initial guess.
    """

    #: Whether the thresholds of core and whole tumour are unknowns.
    has_thresholds: ClassVar[bool]

    def __init__(self, core: NDArray[np.bool_], oedema: NDArray[np.bool_]) -> None:
        self.core, self.oedema = core, oedema

    @abstractmethod
    def __call__(self, last: Tensor, threshold_core: Tensor, threshold_whole: Tensor) -> Tensor:
        """Return the misfit of a slice, shape (x, y, z), for the current thresholds."""


class _ConcentrationTerm(AbstractDataTerm):
    """Squared difference between u, averaged over each cell's visible tissue, and an observed concentration.

    ``observed`` is averaged over cells and zero outside visible tissue; ``share`` is the visible share of each cell.
    """

    has_thresholds = False

    def __init__(self, observed: NDArray[np.floating], share: NDArray[np.floating], like: Tensor) -> None:
        inside = np.where(share >= _MIN_SHARE, observed / np.maximum(share, _MIN_SHARE), 0)
        core = inside >= START_CORE
        super().__init__(core, (inside >= START_WHOLE) & ~core)
        self._observed, self._share = like.new_tensor(observed), like.new_tensor(share)

    def __call__(self, last: Tensor, threshold_core: Tensor, threshold_whole: Tensor) -> Tensor:
        return (last * self._share - self._observed).square().sum()


class RegionTerm(AbstractDataTerm):
    """Squared distance of u from the range of its region: [core, 1], [whole, core] in oedema, [0, whole] outside."""

    has_thresholds = True

    def __init__(
        self, core: NDArray[np.bool_], oedema: NDArray[np.bool_], visible: NDArray[np.bool_], like: Tensor
    ) -> None:
        super().__init__(core, oedema)
        regions = (core, oedema, visible & ~core & ~oedema)
        self._core, self._oedema, self._outside = (like.new_tensor(region.astype(np.float32)) for region in regions)

    def __call__(self, last: Tensor, threshold_core: Tensor, threshold_whole: Tensor) -> Tensor:
        """See ``AbstractDataTerm``."""
        lower = self._core * threshold_core + self._oedema * threshold_whole
        upper = 1 - self._oedema * (1 - threshold_core) - self._outside * (1 - threshold_whole)
        beyond = torch.relu(lower - last) + torch.relu(last - upper)
        return (beyond * (self._core + self._oedema + self._outside)).square().sum()


def tumour_mask(observation: AbstractObservation) -> NDArray[np.bool_]:
    """Return the mask that defines the box: the whole tumour, or concentrations above 0.1."""
    if isinstance(observation, SegmentationObservation):
        return observation.masks.whole & observation.visible
    return observation.concentration.data > _VISIBLE


def data_term(observation: AbstractObservation, space: SpaceTime, like: Tensor) -> AbstractDataTerm:
    """Return the data term of an observation, with tensors of the type and device of ``like``."""

    def average(data: NDArray[np.generic]) -> NDArray[np.float32]:
        return space.average(Volume(data, observation.tissue.grid).canonical().data)

    share = average(observation.visible)
    if not isinstance(observation, SegmentationObservation):
        return _ConcentrationTerm(average(observation.concentration.data), share, like)
    visible = share >= _MIN_SHARE
    masks = observation.masks
    # A cell belongs to a region that covers half of its visible part.
    whole = visible & (average(masks.whole & observation.visible) >= share / 2)
    core = np.zeros_like(whole)
    if masks.core is not None:
        core = whole & (average(masks.core & observation.visible) >= share / 2)
    return RegionTerm(core, whole & ~core, visible, like)
