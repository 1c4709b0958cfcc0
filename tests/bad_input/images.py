"""Bad images of a patient. Every kind spoils the good case of the conftest; its T1 image has 5 mm voxels."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .kind import Kind

#: Bytes of fields of the NIfTI-1 header.
_DIM, _DATATYPE, _PIXDIM, _UNITS, _QFORM_CODE, _SROW_Z = 40, 70, 76, 123, 252, 312

ALL = "t1 t1ce t2 flair seg"

#: Called with a folder that holds the good case's files, and with the case's name.
Spoil = Callable[[Path, str], None]


def bytes_of(role: str, change: bytes | Callable[[bytes], bytes]) -> Spoil:
    """Change or replace the file as it lies on the disk."""

    def spoil(folder: Path, case: str) -> None:
        path = folder / f"{case}_{role}.nii.gz"
        path.write_bytes(change if isinstance(change, bytes) else change(path.read_bytes()))

    return spoil


def header_of(role: str, *fields: tuple[int, str, tuple[float, ...]]) -> Spoil:
    """Write fields of the header (offset, format, values), which nibabel would not write."""

    def change(content: bytes) -> bytes:
        raw = bytearray(gzip.decompress(content))
        for offset, code, values in fields:
            struct.pack_into(code, raw, offset, *values)
        return gzip.compress(bytes(raw), mtime=0)

    return bytes_of(role, change)


def image_of(
    roles: str, data: Callable[[NDArray], NDArray] = np.asarray, affine: Callable[[NDArray], NDArray] = np.asarray
) -> Spoil:
    """Write images anew with another array or affine."""

    def spoil(folder: Path, case: str) -> None:
        for role in roles.split():
            path = folder / f"{case}_{role}.nii.gz"
            image = nib.load(path)
            nib.save(nib.Nifti1Image(data(np.asarray(image.dataobj)), affine(image.affine)), path)

    return spoil


def image_from_t1(role: str, make: Callable[[NDArray], NDArray]) -> Spoil:
    """Write an image made from the array of T1, with its affine."""

    def spoil(folder: Path, case: str) -> None:
        t1 = nib.load(folder / f"{case}_t1.nii.gz")
        image = nib.Nifti1Image(make(np.asarray(t1.dataobj)).astype(np.uint8), t1.affine)
        nib.save(image, folder / f"{case}_{role}.nii.gz")

    return spoil


def _with(value: complex) -> Callable[[NDArray], NDArray]:
    def change(data: NDArray) -> NDArray:
        out = data.astype(np.result_type(type(value), np.float32))
        out[20, 20, 20] = value
        return out

    return change


def _colours(data: NDArray) -> NDArray:
    grey = np.clip(data / 4, 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1).copy().view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]


def _scaled(*factors: float) -> Callable[[NDArray], NDArray]:
    return lambda affine: affine @ np.diag([*factors, 1.0])


def _moved(affine: NDArray) -> NDArray:
    out = affine.copy()
    out[0, 3] += 10
    return out


def _turned(affine: NDArray) -> NDArray:
    """By 20 degrees about the third axis."""
    cosine, sine = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    return np.array([[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ affine


def _two_forms(folder: Path, case: str) -> None:
    """The sform as it was, and a qform that runs the other way from left to right."""
    path = folder / f"{case}_t1.nii.gz"
    image = nib.load(path)
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine @ np.diag([-1.0, 1.0, 1.0, 1.0]), code=1)
    nib.save(image, path)


def _head(data: NDArray) -> NDArray:
    """A head instead of a brain: everything within 98 mm of the middle that is not brain is bone and skin."""
    index = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in data.shape), indexing="ij"))
    return np.where((data == 0) & (np.linalg.norm(5 * index, axis=0) < 98), 400, data).astype(data.dtype)


def _half(data: NDArray) -> NDArray:
    out = data.copy()
    out[: data.shape[0] // 2] = 0
    return out


def _dangling(folder: Path, case: str) -> None:
    path = folder / f"{case}_t2.nii.gz"
    path.unlink()
    path.symlink_to(folder / "elsewhere.nii.gz")


def _per_cent(t1: NDArray) -> NDArray:
    """A soft mask in per cent."""
    return np.rint(100 * gaussian_filter((t1 != 0).astype(np.float32), 2))


_NO_QFORM = (_QFORM_CODE, "<h", (0,))
_LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"

# The columns of a row: what is wrong, the code, what the error names, and what is done to the case. The case's row of
# the table of patients names the file of a mask.
IMAGE_KINDS = [
    Kind("empty file", "damaged-file", "_t1", bytes_of("t1", b"")),
    Kind("truncated gzip", "damaged-file", "_t1", bytes_of("t1", lambda content: content[: len(content) // 2])),
    Kind("text named .nii.gz", "not-nifti", "_t2", bytes_of("t2", b"this is no image\n" * 40)),
    Kind("compressed text", "not-nifti", "_flair", bytes_of("flair", gzip.compress(b"no image\n" * 400))),
    Kind("picture named .nii.gz", "not-nifti", "PNG", bytes_of("t1ce", b"\x89PNG\r\n\x1a\n" + bytes(2000))),
    Kind("image compressed twice", "compressed-twice", "_t1", bytes_of("t1", gzip.compress)),
    Kind("Git LFS pointer", "not-nifti", "LFS", bytes_of("seg", _LFS)),
    Kind("NRRD image named .nii.gz", "not-nifti", "NRRD", bytes_of("t1", b"NRRD0004\ntype: short\n")),
    Kind("unknown data type code", "damaged-file", "_t1", header_of("t1", (_DATATYPE, "<h", (999,)))),
    Kind("link to a file that is gone", "invalid-input", "_t2", _dangling),
    Kind("2-D image", "invalid-input", "3-D", image_of("t1", lambda data: data[:, :, 20])),
    Kind("4-D image with several volumes", "invalid-input", "3-D", image_of("t2", lambda t2: np.stack([t2, t2], -1))),
    Kind("voxels that are NaN", "invalid-input", "finite", image_of("t1", _with(np.nan))),
    Kind("voxels that are infinite", "invalid-input", "finite", image_of("seg", _with(np.inf))),
    Kind("T1 image all zero", "invalid-input", "constant", image_of("t1", np.zeros_like)),
    Kind("T1 image constant", "invalid-input", "constant", image_of("t1", lambda data: np.full_like(data, 7))),
    Kind("complex numbers", "invalid-input", "complex", image_of("t1", _with(1 + 1j))),
    Kind("colours (RGB)", "invalid-input", "colour", image_of("t1", _colours)),
    Kind("sform and qform that disagree", "forms-disagree", "qform", _two_forms),
    Kind("sform and pixdim that disagree", "spacing-disagrees", "pixdim",
         header_of("t1", _NO_QFORM, (_PIXDIM + 4, "<3f", (2.0, 2.0, 2.0)))),
    Kind("singular affine", "oblique-affine", "_t1", header_of("t1", _NO_QFORM, (_SROW_Z, "<4f", (0, 0, 0, 0)))),
    Kind("oblique affine", "oblique-affine", "_t1", image_of("t1", affine=_turned)),
    Kind("spacing of zero", "invalid-input", "spacing", header_of("t1", (_PIXDIM + 4, "<f", (0.0,)))),
    Kind("negative spacing", "invalid-input", "spacing", header_of("t1", (_PIXDIM + 8, "<f", (-5.0,)))),
    Kind("spacing that is NaN", "invalid-input", "spacing", header_of("seg", (_PIXDIM + 12, "<f", (np.nan,)))),
    Kind("lengths in metres", "invalid-input", "metres", header_of("t1", (_UNITS, "<b", (1,)))),
    Kind("voxels a tenth of their size", "brain-volume", "_t1", image_of(ALL, affine=_scaled(0.1, 0.1, 0.1))),
    Kind("voxels twice their size", "brain-volume", "_t1", image_of(ALL, affine=_scaled(2, 2, 2))),
    Kind("voxels that are not cubes", "anisotropic-voxels", "_t1", image_of("t1", affine=_scaled(1, 1, 3))),
    Kind("image of another size", "grid-mismatch", "_t2", image_of("t2", lambda data: data[:-2])),
    Kind("shifted segmentation", "grid-mismatch", "_seg", image_of("seg", affine=_moved)),
    Kind("brain back to front", "invalid-input", "back to front", image_of(ALL, lambda data: data[:, ::-1])),
    Kind("brain upside down", "invalid-input", "upside down", image_of(ALL, lambda data: data[:, :, ::-1])),
    Kind("half a brain", "invalid-input", "brain_mask", image_of("t1", _half)),
    Kind("head with its skull", "brain-volume", "_t1", image_of("t1", _head)),
    Kind("background that is not zero", "invalid-input", "background",
         image_of("t1", lambda data: np.where(data == 0, -3, data).astype(data.dtype))),
    Kind("too many voxels", "invalid-input", "20000 x 20000 x 20000",
         header_of("t1", (_DIM, "<8h", (3, 20000, 20000, 20000, 1, 1, 1, 1)))),
    Kind("empty segmentation", "no-tumour", "_seg", image_of("seg", np.zeros_like)),
    Kind("segmentation outside the brain", "tumour-outside-brain", "_seg",
         image_of("seg", lambda data: np.roll(data, data.shape[2] // 2, axis=2))),
    Kind("tissue map as segmentation", "tissue-as-tumour", "_seg",
         image_from_t1("seg", lambda t1: np.select([t1 > 400, t1 > 0], [2, 1]))),
    Kind("interpolated labels", "labels-not-whole", "_seg", image_of("seg", lambda data: data * np.float32(0.6))),
    Kind("negative labels", "labels-of-another-scheme", "_seg",
         image_of("seg", lambda data: -data.astype(np.int16))),
    Kind("labels of another scheme", "labels-of-another-scheme", "[3]",
         image_of("seg", lambda data: np.where(data == 4, 3, data).astype(np.uint8))),
    Kind("labels of no scheme", "labels-of-another-scheme", "brats2021",
         image_of("seg", lambda data: (data * 50).astype(np.uint8))),
    Kind("empty brain mask", "mask-empty", "_mask", image_from_t1("mask", np.zeros_like)),
    Kind("brain mask in per cent", "mask-scale", "0 to 100", image_from_t1("mask", _per_cent)),
    Kind("brain mask of another size", "grid-mismatch", "_mask", image_from_t1("mask", lambda t1: t1[:, :-1] != 0)),
]  # fmt: skip
