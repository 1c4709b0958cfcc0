"""Transforms between a case and the atlas, for methods that estimate in the atlas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.register.ants import Transforms, apply_to_points, apply_transforms


@dataclass(eq=False)
class AtlasMap:
    """Transforms between a case and the atlas."""

    #: Tissue of the atlas.
    tissue: Tissue
    #: Grid of the patient and registration by ANTs; None for synthetic cases, which are on the atlas.
    registration: tuple[Grid, Transforms] | None = None

    @classmethod
    def load(cls, case_dir: Path, atlas_dir: Path, tissue_kind: TissueKind, grid: Grid) -> AtlasMap:
        """Load the transforms of a case folder and the atlas' tissue; raise InputError if a file is missing."""
        paths = [case_dir / "transforms" / name for name in ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz")]
        for path in paths:
            if not path.is_file():
                raise InputError(path, "file not found", "register the patient again")
        return cls(Tissue.load(atlas_dir, tissue_kind), (grid, Transforms(*paths)))

    def to_atlas(self, volume: Volume) -> Volume:
        """Resample a volume on the case's grid to the atlas' grid; linear, zero outside."""
        if self.registration is None:
            return volume
        return apply_transforms(volume, self.tissue.grid, self.registration[1], inverse=True)

    def to_patient(self, volume: Volume) -> Volume:
        """Resample a volume on the atlas' grid to the case's grid; linear, zero outside."""
        return volume if self.registration is None else apply_transforms(volume, *self.registration)

    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Map a position in the atlas (world mm, shape (3,)) to the case; points move opposite to images."""
        if self.registration is None:
            return np.asarray(point_mm, dtype=np.float64)
        return np.asarray(apply_to_points(point_mm, self.registration[1], to_patient=True)[0])
