"""Small made-up brains, tumours and files for tests of inputs: ellipsoids on voxels of 3 mm about world zero."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def affine_of(spacing_mm: float | tuple[float, float, float], shape: tuple[int, int, int]) -> Array:
    """RAS affine, shape (4, 4), with world zero in the middle of the volume."""
    spacing = np.broadcast_to(spacing_mm, 3).astype(float)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    return affine


@dataclass(frozen=True)
class Scene:
    """Grid of a made-up brain."""

    shape: tuple[int, int, int] = (50, 60, 46)
    spacing_mm: float | tuple[float, float, float] = 3.0

    @property
    def affine(self) -> Array:
        """RAS affine of the grid."""
        return affine_of(self.spacing_mm, self.shape)

    @property
    def world(self) -> Array:
        """World positions of the voxels in mm, shape (*shape, 3)."""
        return np.moveaxis(np.indices(self.shape), 0, -1) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def tissue(self) -> NDArray[np.uint8]:
        """Tissue labels: white matter, a grey rim, CSF outside it and in two ventricles. About 1,400 cc."""
        world = self.world
        radius = np.sqrt(((world / (66, 82, 62)) ** 2).sum(-1))
        labels = np.zeros(self.shape, np.uint8)
        for limit, label in ((1.0, 1), (0.95, 2), (0.86, 3)):
            labels[radius < limit] = label
        mirrored = np.concatenate([np.abs(world[..., :1]), world[..., 1:]], axis=-1)
        labels[np.sqrt((((mirrored - (14, -5, 5)) / (7, 28, 10)) ** 2).sum(-1)) < 1] = 1
        return labels

    def tumour(
        self,
        centre_mm: tuple[float, float, float] = (38, -20, 18),
        radii_mm: tuple[float, ...] = (22, 14, 9),
        labels: tuple[int, ...] = (2, 4, 1),
    ) -> NDArray[np.uint8]:
        """Nested balls, outermost first; by default oedema, enhancing rim and necrosis in BraTS 2021 labels."""
        segmentation = np.zeros(self.shape, np.uint8)
        for radius, label in zip(radii_mm, labels, strict=True):
            segmentation[ball(self, centre_mm, radius)] = label
        return np.where(self.tissue() > 0, segmentation, 0).astype(np.uint8)

    def save(self, folder: Path) -> None:
        """Write tissue, segmentation (seg) and concentration (c) into a folder."""
        for name, data in (("tissue", self.tissue()), ("seg", self.tumour()), ("c", self.concentration())):
            save(folder / f"{name}.nii.gz", data, self.affine)

    def save_for_predictgbm(self, folder: Path, segmentation: Array | None = None) -> Path:
        """Write PredictGBM's files, by default with the tumour; returns the folder of the patient."""
        case, tumour = folder / "Patient-00000", self.tumour()
        for value, name in ((1, "csf"), (2, "gm"), (3, "wm")):
            save(case / f"00000-{name}.nii.gz", (self.tissue() == value).astype(np.float32), self.affine)
        labels = np.where(tumour == 4, 3, tumour).astype(np.uint8) if segmentation is None else segmentation
        save(case / "00000-tumorseg.nii.gz", labels, self.affine)
        return case

    def concentration(self, centre_mm: tuple[float, float, float] = (38, -20, 18)) -> NDArray[np.float32]:
        """A front of 2 mm at 16 mm from the centre, in grey and white matter."""
        front = 1 / (1 + np.exp((distance(self, centre_mm) - 16) / 2))
        return np.where(self.tissue() > 1, front, 0).astype(np.float32)


SCENE = Scene()


def distance(scene: Scene, centre_mm: tuple[float, float, float]) -> Array:
    """Distance of each voxel from a world position in mm."""
    return np.sqrt(((scene.world - np.array(centre_mm, float)) ** 2).sum(-1))


def ball(scene: Scene, centre_mm: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    """Voxels within a distance of a world position."""
    return distance(scene, centre_mm) <= radius_mm


def save(path: Path, data: Array, affine: Array | None = None, spacing_mm: float = 3.0) -> Path:
    """Write a NIfTI image in its own data type, sform and qform with code 1; returns the path."""
    affine = affine_of(spacing_mm, data.shape[:3]) if affine is None else affine
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine, dtype=data.dtype)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def save_with_header(
    path: Path, data: Array, affine: Array, form_code: int, pixdim: float | tuple[float, float, float]
) -> Path:
    """Write a compressed NIfTI-1 file whose header is not made consistent: sform, its code and pixdim as given."""
    header = nib.Nifti1Header()
    header.set_data_shape(data.shape)
    header.set_data_dtype(data.dtype)
    header.set_sform(affine, form_code)
    header["pixdim"][1:4] = pixdim
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb") as file:
        file.write(header.binaryblock + bytes(4) + data.tobytes(order="F"))
    return path
