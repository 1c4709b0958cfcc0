"""Transforms between a case and the atlas, for methods that estimate in the atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.register.ants import Transforms, apply_to_points, apply_transforms

__all__ = ["AtlasMap", "RegisteredMap"]


class AtlasMap:
    """Transforms between a case and the atlas; the identity, for synthetic cases, whose ``tissue`` is the atlas."""

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue

    def to_atlas(self, volume: Volume) -> Volume:
        """Resample a volume on the case's grid to the atlas' grid; linear, zero outside."""
        return volume

    def to_patient(self, volume: Volume) -> Volume:
        """Resample a volume on the atlas' grid to the case's grid; linear, zero outside."""
        return volume

    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Map a position in the atlas (world mm, shape (3,)) to the case."""
        return np.asarray(point_mm, dtype=np.float64)


class RegisteredMap(AtlasMap):
    """Registration of a patient by ANTs; ``grid`` is that of the patient, ``tissue`` that of the atlas."""

    def __init__(self, tissue: Tissue, grid: Grid, transforms: Transforms) -> None:
        super().__init__(tissue)
        self.grid, self.transforms = grid, transforms

    @classmethod
    def load(cls, case_dir: Path, atlas_dir: Path, tissue_kind: TissueKind, grid: Grid) -> RegisteredMap:
        """Load the transforms of a case folder and the atlas' tissue; raise InputError if a file is missing."""
        folder = case_dir / "transforms"
        names = ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz")
        for name in names:
            if not (folder / name).is_file():
                raise InputError(folder / name, "file not found", "register the patient again")
        affine, warp, inverse_warp = (folder / name for name in names)
        return cls(Tissue.load(atlas_dir, tissue_kind), grid, Transforms(affine, warp, inverse_warp))

    def to_atlas(self, volume: Volume) -> Volume:
        """See ``AtlasMap``."""
        return apply_transforms(volume, self.tissue.grid, self.transforms, inverse=True)

    def to_patient(self, volume: Volume) -> Volume:
        """See ``AtlasMap``."""
        return apply_transforms(volume, self.grid, self.transforms)

    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """See ``AtlasMap``; points move opposite to images."""
        return np.asarray(apply_to_points(point_mm, self.transforms, to_patient=True)[0])
