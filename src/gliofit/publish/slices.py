"""Slices of a patient through the tumour's centre, in radiological convention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import canonical_grid, centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume, bounding_box
from gliofit.core.io import read_like, read_volume
from gliofit.core.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.figures.slices import grey_values


@dataclass(frozen=True)
class Plane:
    """Plane: axis of canonical (RAS) arrays that it cuts, and the patient's sides at the edges of the picture."""

    name: str
    axis: int
    letter: str
    left: str
    right: str


AXIAL = Plane("axial", 2, "z", "R", "L")
#: All planes, in radiological convention (the patient's right is on the left).
PLANES = (AXIAL, Plane("coronal", 1, "y", "R", "L"), Plane("sagittal", 0, "x", "A", "P"))


@dataclass(frozen=True, eq=False)
class PatientSlices:
    """Three planes through the tumour, each cropped to the brain.

    Parameters
    ----------
    grid
        Grid of the patient.
    centre
        Indices of the three slices in canonical (RAS) arrays.
    boxes
        Part of canonical arrays shown, by plane.
    """

    grid: Grid
    centre: tuple[int, int, int]
    boxes: Mapping[str, tuple[slice, slice, slice]]

    @classmethod
    def through(cls, tumour: Volume, brain: Volume) -> PatientSlices:
        """Create slices through the centre of mass of a mask, cropped to another mask with a margin of 2 voxels.

        A plane without tumour at the centre is moved to the largest cross-section.

        Raises
        ------
        ValueError
            If there is no tumour.
        """
        mask = tumour.canonical()
        middle = np.rint(mask.grid.world_to_voxel(centre_of_mass_mm(mask))).astype(int)
        centre = []
        for axis in range(3):
            area = mask.data.sum(axis=tuple(a for a in range(3) if a != axis))
            centre.append(int(middle[axis] if area[middle[axis]] else area.argmax()))
        inside = brain.canonical().data.astype(bool) | mask.data.astype(bool)
        boxes = {}
        for plane in PLANES:
            layer = slice(centre[plane.axis], centre[plane.axis] + 1)
            index = tuple(layer if axis == plane.axis else slice(None) for axis in range(3))
            sides = [slice(max(0, side.start - 2), side.stop + 2) for side in bounding_box(inside[index])]
            sides[plane.axis] = layer
            boxes[plane.name] = (sides[0], sides[1], sides[2])
        return cls(tumour.grid, (centre[0], centre[1], centre[2]), boxes)

    def cut(self, data: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Cut an array on the patient's grid; pictures by plane, rows upwards."""
        canonical = Volume(data, self.grid).canonical().data
        # Copies release the volume.
        return {p.name: canonical[self.boxes[p.name]].squeeze(p.axis).T[:, ::-1].copy() for p in PLANES}

    def read(self, path: str | Path) -> dict[str, NDArray[Any]]:
        """Read and cut a file; raise InputError if it is not on the patient's grid."""
        return self.cut(read_like(Path(path), self.grid).data)

    def read_image(self, path: str | Path) -> dict[str, NDArray[Any]]:
        """Read and cut an MRI, converted by ``grey_values``."""
        return self.cut(grey_values(read_like(Path(path), self.grid).data))

    def frame(self, plane: Plane) -> dict[str, Any]:
        """Return arguments of ``imshow`` and ``contour`` for a plane, in mm."""
        width, height = self.size_mm(plane)
        return {"origin": "lower", "extent": (0, width, 0, height)}

    def position_text(self, plane: Plane) -> str:
        """Format the world coordinate of a plane, rounded to mm."""
        position_mm = canonical_grid(self.grid).voxel_to_world(np.array(self.centre))[plane.axis]
        return f"{plane.letter} = {position_mm:.0f} mm".replace("-", "−")

    def size_mm(self, plane: Plane) -> tuple[float, float]:
        """Return width and height of a plane's picture in mm."""
        spacing = canonical_grid(self.grid).spacing_mm
        sides = zip(self.boxes[plane.name], canonical_grid(self.grid).shape, strict=True)
        lengths = [len(range(*side.indices(size))) for side, size in sides]
        across, up = (axis for axis in range(3) if axis != plane.axis)
        return lengths[across] * spacing[across], lengths[up] * spacing[up]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Segmentation and tissue of a patient on one grid.

    Parameters
    ----------
    segmentation, labels
        ``TumourLabel`` and ``TissueLabel`` values.
    whole
        Mask of the whole tumour.
    """

    segmentation: Volume
    labels: Volume
    whole: Volume

    @classmethod
    def load(cls, case_dir: Path) -> Anatomy:
        """Read a folder of stage register.

        Raises
        ------
        InputError
            If a file is missing, the grids differ, or the segmentation contains no tumour.
        """
        path = case_dir / "segmentation.nii.gz"
        segmentation = read_volume(path, np.uint8)
        labels = read_like(case_dir / "labels.nii.gz", segmentation.grid, "the segmentation")
        whole = Volume(whole_tumour_mask(segmentation.data), segmentation.grid)
        if not whole.data.any():
            raise InputError(path, "contains no tumour", "segment the tumour again")
        return cls(segmentation, labels, whole)

    @property
    def grid(self) -> Grid:
        """Grid of the patient."""
        return self.whole.grid

    @property
    def core(self) -> NDArray[np.bool_]:
        """Mask of the tumour core."""
        return core_mask(self.segmentation.data)

    @property
    def brain(self) -> Volume:
        """Mask of all labelled tissue."""
        return Volume(self.labels.data > TissueLabel.BACKGROUND, self.grid)

    @property
    def slices(self) -> PatientSlices:
        """Return slices through the tumour."""
        return PatientSlices.through(self.whole, self.brain)
