"""The cube around a tumour that is the input of networks: zero-padded, in RAS orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.core.grid import Grid, Volume
from gliofit.core.settings import Settings
from gliofit.core.tissue import Tissue

_Maps = TypeVar("_Maps", Volume, Tissue)


class CropSettings(Settings):
    """Size and resolution of the cube; 32 voxels of 4 mm and 128 voxels of 1 mm both span the paper's 128 mm."""

    size: int = Field(32, ge=8, multiple_of=8, description="Voxels along each edge of the cube.")
    spacing_mm: float = Field(4.0, gt=0, description="Voxel size, a whole multiple of the case's spacing.")


def centre_of_mass_mm(weights: Volume) -> NDArray[np.float64]:
    """Return the centre of mass of a non-negative volume in world mm, shape (3,); ValueError if it is empty."""
    data = weights.data
    total = float(data.sum(dtype=np.float64))
    if not total > 0:
        raise ValueError("the centre of mass of an empty volume is not defined")
    profiles = (data.sum(axis=others, dtype=np.float64) for others in ((1, 2), (0, 2), (0, 1)))
    voxel = [float(profile @ np.arange(len(profile))) / total for profile in profiles]
    return weights.grid.voxel_to_world(voxel)


@dataclass(frozen=True, eq=False)
class Crop:
    """A cube of coarse voxels on a case's canonical grid.

    The cube's corner coincides with a voxel corner of the case's canonical (RAS) grid. Coarse values are therefore
    exact block means without interpolation, and the centre is within half a voxel of the requested one.

    Parameters
    ----------
    source
        Canonical grid of the case.
    start
        First voxel of the cube on the source grid; may be negative, values outside the grid are zero.
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
        """Return the cube around a world position in mm, on the canonical form of ``grid``."""
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
        """World position of the cube's centre in mm; networks receive the tumour's origin relative to it."""
        return self.grid.centre_mm

    def volume(self, volume: Volume) -> Volume:
        """Return block means on the cube of a volume of the case, in any orientation of the source grid."""
        return self._block_means(volume)

    def tissue(self, tissue: Tissue) -> Tissue:
        """Return block means of tissue maps on the cube."""
        return self._block_means(tissue)

    def _block_means(self, maps: _Maps) -> _Maps:
        canonical = maps.canonical()
        if not canonical.grid.matches(self.source):
            raise ValueError(f"the crop is of another grid than this {type(maps).__name__.lower()}")
        return canonical.extract(self.start, (self.size * self.factor,) * 3).coarsen(self.factor)

    def channels(self, tissue: Tissue) -> NDArray[np.float32]:
        """Return the input channels of networks, shape (3, size, size, size).

        White matter, grey matter, and the fraction of each voxel that is labelled as one of the two. Stored
        concentrations are zero in all other voxels; the third channel lets networks reproduce that.
        """
        visible = Volume(tissue.visible.astype(np.float32), tissue.grid)
        return np.stack([self.volume(volume).data for volume in (tissue.map("wm"), tissue.map("gm"), visible)])


def canonical_grid(grid: Grid) -> Grid:
    """Return the grid of ``Volume.canonical`` for volumes on ``grid``."""
    return Volume(np.broadcast_to(np.uint8(0), grid.shape), grid).canonical().grid
