"""The way between a case and the atlas, for methods that estimate in the atlas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.register.ants import Transforms, apply_to_points, apply_transforms

__all__ = ["AbstractAtlasMap", "IdentityMap", "RegisteredMap"]


class AbstractAtlasMap(ABC):
    """Brings images of a case into the atlas, and images and points back.

    Parameters
    ----------
    tissue
        Tissue of the clean atlas.
    """

    def __init__(self, tissue: Tissue) -> None:
        self.tissue = tissue

    @abstractmethod
    def to_atlas(self, volume: Volume) -> Volume:
        """A volume on the case's grid, on the atlas' grid; linear, zero outside."""

    @abstractmethod
    def to_patient(self, volume: Volume) -> Volume:
        """A volume on the atlas' grid, on the case's grid; linear, zero outside."""

    @abstractmethod
    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """A position in the atlas (world mm, shape (3,)) as a position in the case."""


class IdentityMap(AbstractAtlasMap):
    """For cases that live in the atlas, as synthetic ones do: ``tissue`` is the case's own."""

    def to_atlas(self, volume: Volume) -> Volume:
        """The volume itself."""
        return volume

    def to_patient(self, volume: Volume) -> Volume:
        """The volume itself."""
        return volume

    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """The position itself."""
        return np.asarray(point_mm, dtype=np.float64)


class RegisteredMap(AbstractAtlasMap):
    """The registration of a patient, through ANTs.

    Parameters
    ----------
    tissue
        Tissue of the clean atlas.
    grid
        Grid of the patient.
    transforms
        Files that stage register wrote.
    """

    def __init__(self, tissue: Tissue, grid: Grid, transforms: Transforms) -> None:
        super().__init__(tissue)
        self.grid, self.transforms = grid, transforms

    @classmethod
    def load(cls, case_dir: Path, atlas_dir: Path, tissue_kind: TissueKind, grid: Grid) -> RegisteredMap:
        """From the folders of a registered case and of the atlas; raises InputError if a file is missing."""
        folder = case_dir / "transforms"
        names = ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz")
        for name in names:
            if not (folder / name).is_file():
                raise InputError(folder / name, "file not found", "register the patient again")
        affine, warp, inverse_warp = (folder / name for name in names)
        return cls(Tissue.load(atlas_dir, tissue_kind), grid, Transforms(affine, warp, inverse_warp))

    def to_atlas(self, volume: Volume) -> Volume:
        """Warped by the inverse transforms."""
        return apply_transforms(volume, self.tissue.grid, self.transforms, inverse=True)

    def to_patient(self, volume: Volume) -> Volume:
        """Warped by the transforms that also brought the tissue."""
        return apply_transforms(volume, self.grid, self.transforms)

    def point_to_patient(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Points travel against images: by the inverse transforms."""
        return apply_to_points(point_mm, self.transforms, to_patient=True)[0]
