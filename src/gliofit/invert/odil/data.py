"""Space-time grid of one tumour, and misfit of the last slice of a field to a concentration or a segmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.grid import Grid, Volume, bounding_box
from gliofit.growth.theta import DURATION_DAYS
from gliofit.observation.observation import AbstractObservation, SegmentationObservation

#: Initial thresholds of core and whole tumour, also used to divide a concentration into regions.
START_CORE, START_WHOLE = 0.65, 0.30

# Smallest concentration that the box must contain.
_VISIBLE = 0.1
# Smallest visible share of a cell in a region.
_MIN_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class SpaceTime:
    """Box of cells about a tumour, and time slices from the seed to the observation."""

    #: Grid of the case, axes towards right, front and top.
    source: Grid
    #: Lower corner of the box in voxels of ``source``, shape (3,); voxel v extends from v to v + 1.
    low: NDArray[np.float64]
    #: Cell size in voxels, shape (3,).
    step: NDArray[np.float64]
    #: Cells along each axis.
    cells: int
    #: Number of time slices; the first is the initial tumour, the last is observed.
    slices: int

    @classmethod
    def about(cls, tumour: Volume, cells: int, slices: int, scale: float, margin_mm: float) -> SpaceTime:
        """Create the box of a mask, ``scale`` times as long and at least ``margin_mm`` larger on each side.

        The box may extend beyond the image, where there is no tissue.
        """
        start, stop = np.array([(side.start, side.stop) for side in bounding_box(tumour.data)], float).T
        spacing = np.array(tumour.grid.spacing_mm)
        half = np.maximum((stop - start) / 2 * scale, (stop - start) / 2 + margin_mm / spacing)
        return cls(tumour.grid, (start + stop) / 2 - half, 2 * half / cells, cells, slices)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Size of a cell in mm."""
        x, y, z = (float(v) for v in self.step * self.source.spacing_mm)
        return x, y, z

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Time slices and cells along each axis."""
        return self.slices, self.cells, self.cells, self.cells

    @property
    def interval_days(self) -> float:
        """Time between two slices; the slices span ``DURATION_DAYS``."""
        return DURATION_DAYS / (self.slices - 1)

    @property
    def grid(self) -> Grid:
        """Grid of the cells."""
        affine = self.source.affine.copy()
        affine[:3, 3] = self.source.voxel_to_world(self.low + self.step / 2 - 0.5)
        affine[:3, :3] *= self.step
        return Grid((self.cells,) * 3, affine)

    def to_box(self, position_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Convert a world position to the position relative to the lower corner, in mm along each axis."""
        voxel = self.source.world_to_voxel(position_mm)
        return np.asarray((voxel + 0.5 - self.low) * np.array(self.source.spacing_mm))

    def to_world(self, position_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Convert a position of ``to_box`` to the world position."""
        return self.source.voxel_to_world(position_mm / np.array(self.source.spacing_mm) - 0.5 + self.low)

    def average(self, data: NDArray[Any]) -> NDArray[np.float32]:
        """Average a volume over each cell, shape (cells, cells, cells); zero outside the image."""
        out = data.astype(np.float32)
        for axis in range(3):
            edges = self.low[axis] + self.step[axis] * np.arange(self.cells + 1)
            voxels = np.arange(self.source.shape[axis])
            overlap = np.minimum(edges[1:, None], voxels + 1) - np.maximum(edges[:-1, None], voxels)
            share = (np.maximum(overlap, 0) / self.step[axis]).astype(np.float32)
            out = np.moveaxis(np.tensordot(share, out, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(out)


@dataclass(frozen=True, eq=False)
class DataTerm:
    """Misfit of the last slice of a field to an observation."""

    #: Masks of the observed regions, for the initial guess.
    core: NDArray[np.bool_]
    oedema: NDArray[np.bool_]
    #: Whether the thresholds of core and whole tumour are unknowns.
    has_thresholds: bool
    #: Sum over cells of the squared misfit of a slice, shape (x, y, z), for thresholds of core and whole tumour.
    misfit: Callable[[Tensor, Tensor, Tensor], Tensor]


def region_term(
    core: NDArray[np.bool_], oedema: NDArray[np.bool_], visible: NDArray[np.bool_], like: Tensor
) -> DataTerm:
    """Compare u with the range of its region: [core, 1], [whole, core] in oedema, [0, whole] outside."""
    masks = (core, oedema, visible & ~core & ~oedema)
    in_core, in_oedema, outside = (like.new_tensor(mask.astype(np.float32)) for mask in masks)

    def misfit(last: Tensor, threshold_core: Tensor, threshold_whole: Tensor) -> Tensor:
        lower = in_core * threshold_core + in_oedema * threshold_whole
        upper = 1 - in_oedema * (1 - threshold_core) - outside * (1 - threshold_whole)
        beyond = torch.relu(lower - last) + torch.relu(last - upper)
        return (beyond * (in_core + in_oedema + outside)).square().sum()

    return DataTerm(core, oedema, True, misfit)


def tumour_mask(observation: AbstractObservation) -> NDArray[np.bool_]:
    """Return the mask that defines the box: the whole tumour, or concentrations above 0.1."""
    if isinstance(observation, SegmentationObservation):
        return observation.masks.whole & observation.visible
    return observation.concentration.data > _VISIBLE


def data_term(observation: AbstractObservation, space: SpaceTime, like: Tensor) -> DataTerm:
    """Return the data term of an observation, with tensors of the type and device of ``like``.

    A concentration is compared with u averaged over the visible tissue of each cell.
    """

    def average(data: NDArray[np.generic]) -> NDArray[np.float32]:
        return space.average(Volume(data, observation.tissue.grid).canonical().data)

    share = average(observation.visible)
    visible = share >= _MIN_SHARE
    if not isinstance(observation, SegmentationObservation):
        observed = average(observation.concentration.data)
        inside = np.where(visible, observed / np.maximum(share, _MIN_SHARE), 0)
        core, whole = inside >= START_CORE, inside >= START_WHOLE
        target, weight = like.new_tensor(observed), like.new_tensor(share)
        return DataTerm(core, whole & ~core, False, lambda last, *_: (last * weight - target).square().sum())
    masks = observation.masks
    # A cell belongs to a region that covers half of its visible part.
    whole = visible & (average(masks.whole & observation.visible) >= share / 2)
    core = whole & (average(masks.core & observation.visible) >= share / 2)
    return region_term(core, whole & ~core, visible, like)
