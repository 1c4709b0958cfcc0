"""The cube around a tumour that networks see: centred on the centre of mass, zero-padded, in RAS orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.grid import Grid, Volume
from gliofit.core.settings import Settings
from gliofit.core.tissue import Tissue

__all__ = ["Crop", "CropSettings", "centre_of_mass_mm"]


class CropSettings(Settings):
    """Size and resolution of the cube; 32 voxels of 4 mm and 128 of 1 mm both span the paper's 128 mm."""

    size: int = Field(32, ge=8, multiple_of=8, description="Voxels along each edge of the cube.")
    spacing_mm: float = Field(4.0, gt=0, description="Voxel size, a whole multiple of the case's spacing.")


def centre_of_mass_mm(weights: Volume) -> NDArray[np.float64]:
    """Centre of mass of a non-negative volume in world mm, shape (3,); raises ValueError if it is empty."""
    data = weights.data
    total = float(data.sum(dtype=np.float64))
    if not total > 0:
        raise ValueError("the centre of mass of an empty volume is not defined")
    voxel = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        voxel.append(float(data.sum(axis=others, dtype=np.float64) @ np.arange(data.shape[axis])) / total)
    return weights.grid.voxel_to_world(voxel)


@dataclass(frozen=True, eq=False)
class Crop:
    """A cube of coarse voxels on a case's canonical grid.

    The cube's corner falls on a voxel corner of the case's canonical (RAS) grid, so that coarse values are exact block
    means and nothing is interpolated; the centre of the cube is therefore within half a voxel of the one asked for.

    Parameters
    ----------
    source
        Canonical grid of the case.
    start
        First voxel of the cube on the source grid (may be negative: the outside counts as zero).
    factor
        Source voxels per coarse voxel and axis.
    size
        Coarse voxels per edge.
    """

    source: Grid
    start: tuple[int, int, int]
    factor: int
    size: int

    @classmethod
    def around(cls, grid: Grid, centre_mm: NDArray[np.float64], settings: CropSettings) -> Crop:
        """Cube of ``settings`` about a world position, on the canonical form of ``grid``."""
        source = canonical_grid(grid)
        factor = source.coarsening_to(settings.spacing_mm)
        centre = source.world_to_voxel(centre_mm) + 0.5
        start = np.rint(centre - settings.size * factor / 2).astype(int)
        return cls(source, (int(start[0]), int(start[1]), int(start[2])), factor, settings.size)

    @property
    def grid(self) -> Grid:
        """Grid of the coarse cube."""
        return self.source.crop(self.start, (self.size * self.factor,) * 3).coarsen(self.factor)

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """World position of the middle of the cube; networks see the origin as an offset from it."""
        return self.grid.centre_mm

    def volume(self, volume: Volume) -> Volume:
        """Block means of a volume of the case (any orientation of the source grid) on the cube."""
        canonical = volume.canonical()
        if not canonical.grid.matches(self.source):
            raise ValueError("the volume lies on another grid than the crop was made for")
        return canonical.extract(self.start, (self.size * self.factor,) * 3).coarsen(self.factor)

    def tissue(self, tissue: Tissue) -> Tissue:
        """Block means of tissue maps on the cube."""
        canonical = tissue.canonical()
        if not canonical.grid.matches(self.source):
            raise ValueError("the tissue lies on another grid than the crop was made for")
        return canonical.extract(self.start, (self.size * self.factor,) * 3).coarsen(self.factor)

    def channels(self, tissue: Tissue) -> NDArray[np.float32]:
        """Tissue as networks see it, of shape (3, size, size, size).

        White matter, grey matter, and the part of each voxel that is labelled either of them: concentrations are zero
        in all others, so this is what tells a solver's field from a stored one.
        """
        visible = Volume(tissue.visible.astype(np.float32), tissue.grid)
        maps = (tissue.map("wm"), tissue.map("gm"), visible)
        return np.stack([self.volume(volume).data for volume in maps])


def canonical_grid(grid: Grid) -> Grid:
    """The grid of ``Volume.canonical`` for volumes on ``grid``."""
    return Volume(np.broadcast_to(np.uint8(0), grid.shape), grid).canonical().grid
