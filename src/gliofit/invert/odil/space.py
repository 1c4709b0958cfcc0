"""Space-time grid of one tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume, bounding_box
from gliofit.growth.theta import DURATION_DAYS

__all__ = ["SpaceTime"]


@dataclass(frozen=True, eq=False)
class SpaceTime:
    """Box of cells about a tumour, and time slices from the seed to the observation.

    Parameters
    ----------
    source
        Grid of the case, axes towards right, front and top.
    low
        Lower corner of the box in voxels of ``source``, shape (3,); voxel v extends from v to v + 1.
    step
        Cell size in voxels, shape (3,).
    cells
        Cells along each axis.
    slices
        Number of time slices; the first is the initial tumour, the last is observed.
    """

    source: Grid
    low: NDArray[np.float64]
    step: NDArray[np.float64]
    cells: int
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
