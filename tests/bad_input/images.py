"""Bad images of a patient. Every kind spoils the good case of the conftest; its T1 image has 5 mm voxels."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .kind import Kind

#: Bytes of fields of the NIfTI-1 header.
_DIM, _PIXDIM, _UNITS, _QFORM_CODE, _SROW_Z = 40, 76, 123, 252, 312


@dataclass(frozen=True)
class ImageKind(Kind):
    """A bad image; ``spoil`` is called with a folder that holds the good case's files and the case's name."""

    spoil: Callable[[Path, str], None]


def _file(folder: Path, case: str, role: str) -> Path:
    return folder / f"{case}_{role}.nii.gz"


def bytes_of(role: str, change: Callable[[bytes], bytes]) -> Callable[[Path, str], None]:
    """Change the file as it lies on the disk."""

    def spoil(folder: Path, case: str) -> None:
        path = _file(folder, case, role)
        path.write_bytes(change(path.read_bytes()))

    return spoil


def header_of(role: str, *fields: tuple[int, str, tuple[float, ...]]) -> Callable[[Path, str], None]:
    """Write fields of the header (offset, format, values), which nibabel would not write."""

    def change(content: bytes) -> bytes:
        raw = bytearray(gzip.decompress(content))
        for offset, code, values in fields:
            struct.pack_into(code, raw, offset, *values)
        return gzip.compress(bytes(raw), mtime=0)

    return bytes_of(role, change)


def image_of(
    role: str,
    data: Callable[[NDArray], NDArray] = lambda data: data,
    affine: Callable[[NDArray], NDArray] = lambda affine: affine,
) -> Callable[[Path, str], None]:
    """Write the image anew with another array or affine."""

    def spoil(folder: Path, case: str) -> None:
        path = _file(folder, case, role)
        image = nib.load(path)
        nib.save(nib.Nifti1Image(data(np.asarray(image.dataobj)), affine(image.affine)), path)

    return spoil


def every(
    data: Callable[[NDArray], NDArray] = lambda data: data,
    affine: Callable[[NDArray], NDArray] = lambda affine: affine,
) -> Callable[[Path, str], None]:
    """Change the arrays or affines of all files of the case in one way."""

    def spoil(folder: Path, case: str) -> None:
        for role in ("t1", "t1ce", "t2", "flair", "seg"):
            image_of(role, data, affine)(folder, case)

    return spoil


def _tissue_as_segmentation(folder: Path, case: str) -> None:
    """Bright voxels of T1 as one label, the rest of the brain as another."""
    t1 = nib.load(_file(folder, case, "t1"))
    data = np.asarray(t1.dataobj)
    labels = np.select([data > 400, data > 0], [2, 1]).astype(np.uint8)
    nib.save(nib.Nifti1Image(labels, t1.affine), _file(folder, case, "seg"))


def _with(data: NDArray, value: complex) -> NDArray:
    out = data.astype(np.result_type(type(value), np.float32))
    out[20, 20, 20] = value
    return out


def _colours(data: NDArray) -> NDArray:
    grey = np.clip(data / 4, 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1).copy().view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]


def _scaled(factor: float, affine: NDArray) -> NDArray:
    return affine @ np.diag([factor, factor, factor, 1.0])


def _moved(affine: NDArray) -> NDArray:
    out = affine.copy()
    out[0, 3] += 10
    return out


def _turned(degrees: float, affine: NDArray) -> NDArray:
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ affine


def _two_forms(folder: Path, case: str) -> None:
    """The sform as it was, and a qform that runs the other way from left to right."""
    path = _file(folder, case, "t1")
    image = nib.load(path)
    mirrored = image.affine @ np.diag([-1.0, 1.0, 1.0, 1.0])
    image.set_sform(image.affine, code=1)
    image.set_qform(mirrored, code=1)
    nib.save(image, path)


def _head(data: NDArray) -> NDArray:
    """A head instead of a brain: everything within 100 mm of the middle that is not brain is bone and skin."""
    index = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in data.shape), indexing="ij"))
    return np.where((data == 0) & (np.linalg.norm(5 * index, axis=0) < 98), 400, data).astype(data.dtype)


def _half(data: NDArray) -> NDArray:
    out = data.copy()
    out[: data.shape[0] // 2] = 0
    return out


def _huge(folder: Path, case: str) -> None:
    header_of("t1", (_DIM, "<8h", (3, 20000, 20000, 20000, 1, 1, 1, 1)))(folder, case)


def _dangling(folder: Path, case: str) -> None:
    path = _file(folder, case, "t2")
    path.unlink()
    path.symlink_to(folder / "elsewhere.nii.gz")


def _mask(change: Callable[[NDArray], NDArray]) -> Callable[[Path, str], None]:
    """A brain mask file beside the others, which the case's row of the table names."""

    def spoil(folder: Path, case: str) -> None:
        image = nib.load(_file(folder, case, "t1"))
        mask = change((np.asarray(image.dataobj) != 0).astype(np.uint8))
        nib.save(nib.Nifti1Image(mask, image.affine), folder / f"{case}_mask.nii.gz")

    return spoil


def _per_cent(mask: NDArray) -> NDArray:
    """A soft mask in per cent."""
    return np.rint(100 * gaussian_filter(mask.astype(np.float32), 2)).astype(np.uint8)


IMAGE_KINDS = [
    ImageKind("empty file", "_t1", bytes_of("t1", lambda content: b""), code="damaged-file"),
    ImageKind(
        "truncated gzip", "_t1", bytes_of("t1", lambda content: content[: len(content) // 2]), code="damaged-file"
    ),
    ImageKind(
        "text named .nii.gz", "_t2", bytes_of("t2", lambda content: b"this is no image\n" * 40), code="not-nifti"
    ),
    ImageKind(
        "compressed text",
        "_flair",
        bytes_of("flair", lambda content: gzip.compress(b"no image\n" * 400)),
        code="not-nifti",
    ),
    ImageKind(
        "picture named .nii.gz",
        "PNG",
        bytes_of("t1ce", lambda content: b"\x89PNG\r\n\x1a\n" + bytes(2000)),
        code="not-nifti",
    ),
    ImageKind("image compressed twice", "_t1", bytes_of("t1", gzip.compress), code="compressed-twice"),
    ImageKind(
        "Git LFS pointer",
        "LFS",
        bytes_of("seg", lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        code="not-nifti",
    ),
    ImageKind(
        "NRRD image named .nii.gz", "NRRD", bytes_of("t1", lambda content: b"NRRD0004\ntype: short\n"), code="not-nifti"
    ),
    ImageKind("unknown data type code", "_t1", header_of("t1", (70, "<h", (999,))), code="damaged-file"),
    ImageKind("link to a file that is gone", "_t2", _dangling),
    ImageKind("2-D image", "3-D", image_of("t1", lambda data: data[:, :, 20])),
    ImageKind("4-D image with several volumes", "3-D", image_of("t2", lambda data: np.stack([data, data], axis=-1))),
    ImageKind("voxels that are NaN", "finite", image_of("t1", partial(_with, value=np.nan))),
    ImageKind("voxels that are infinite", "finite", image_of("seg", partial(_with, value=np.inf))),
    ImageKind("T1 image all zero", "constant", image_of("t1", np.zeros_like)),
    ImageKind("T1 image constant", "constant", image_of("t1", lambda data: np.full_like(data, 7))),
    ImageKind("complex numbers", "complex", image_of("t1", partial(_with, value=1 + 1j))),
    ImageKind("colours (RGB)", "colour", image_of("t1", _colours)),
    ImageKind("sform and qform that disagree", "qform", _two_forms, code="forms-disagree"),
    ImageKind(
        "sform and pixdim that disagree",
        "pixdim",
        header_of("t1", (_QFORM_CODE, "<h", (0,)), (_PIXDIM + 4, "<3f", (2.0, 2.0, 2.0))),
        code="spacing-disagrees",
    ),
    ImageKind(
        "singular affine",
        "_t1",
        header_of("t1", (_QFORM_CODE, "<h", (0,)), (_SROW_Z, "<4f", (0, 0, 0, 0))),
        code="oblique-affine",
    ),
    ImageKind("oblique affine", "_t1", image_of("t1", affine=partial(_turned, 20)), code="oblique-affine"),
    ImageKind("spacing of zero", "spacing", header_of("t1", (_PIXDIM + 4, "<f", (0.0,)))),
    ImageKind("negative spacing", "spacing", header_of("t1", (_PIXDIM + 8, "<f", (-5.0,)))),
    ImageKind("spacing that is NaN", "spacing", header_of("seg", (_PIXDIM + 12, "<f", (np.nan,)))),
    ImageKind("lengths in metres", "metres", header_of("t1", (_UNITS, "<b", (1,)))),
    ImageKind("voxels a tenth of their size", "_t1", every(affine=partial(_scaled, 0.1)), code="brain-volume"),
    ImageKind("voxels twice their size", "_t1", every(affine=partial(_scaled, 2.0)), code="brain-volume"),
    ImageKind(
        "voxels that are not cubes",
        "_t1",
        image_of("t1", affine=lambda affine: affine @ np.diag([1.0, 1.0, 3.0, 1.0])),
        code="anisotropic-voxels",
    ),
    ImageKind("image of another size", "_t2", image_of("t2", lambda data: data[:-2]), code="grid-mismatch"),
    ImageKind("shifted segmentation", "_seg", image_of("seg", affine=_moved), code="grid-mismatch"),
    ImageKind("brain back to front", "back to front", every(lambda data: data[:, ::-1])),
    ImageKind("brain upside down", "upside down", every(lambda data: data[:, :, ::-1])),
    ImageKind("half a brain", "brain_mask", image_of("t1", _half)),
    ImageKind("head with its skull", "_t1", image_of("t1", _head), code="brain-volume"),
    ImageKind(
        "background that is not zero",
        "background",
        image_of("t1", lambda data: np.where(data == 0, -3, data).astype(data.dtype)),
    ),
    ImageKind("too many voxels", "20000 x 20000 x 20000", _huge),
    ImageKind("empty segmentation", "_seg", image_of("seg", np.zeros_like), code="no-tumour"),
    ImageKind(
        "segmentation outside the brain",
        "_seg",
        image_of("seg", lambda data: np.roll(data, data.shape[2] // 2, axis=2)),
        code="tumour-outside-brain",
    ),
    ImageKind("tissue map as segmentation", "_seg", _tissue_as_segmentation, code="tissue-as-tumour"),
    ImageKind(
        "interpolated labels", "_seg", image_of("seg", lambda data: data * np.float32(0.6)), code="labels-not-whole"
    ),
    ImageKind(
        "negative labels", "_seg", image_of("seg", lambda data: -data.astype(np.int16)), code="labels-of-another-scheme"
    ),
    ImageKind(
        "labels of another scheme",
        "[3]",
        image_of("seg", lambda data: np.where(data == 4, 3, data).astype(np.uint8)),
        code="labels-of-another-scheme",
    ),
    ImageKind(
        "labels of no scheme",
        "brats2021",
        image_of("seg", lambda data: (data * 50).astype(np.uint8)),
        code="labels-of-another-scheme",
    ),
    ImageKind("empty brain mask", "_mask", _mask(np.zeros_like), code="mask-empty"),
    ImageKind("brain mask in per cent", "0 to 100", _mask(_per_cent), code="mask-scale"),
    ImageKind("brain mask of another size", "_mask", _mask(lambda data: data[:, :-1]), code="grid-mismatch"),
]
