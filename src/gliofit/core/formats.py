"""Recognition of file formats by content."""

from __future__ import annotations

import bz2
import gzip
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import nibabel as nib
from nibabel.openers import ImageOpener

from gliofit.core.errors import InputError

#: Hint for a damaged file. Snakemake compares times, not contents, so it repeats a job only if its output is missing.
DAMAGED = "delete it and run again if gliofit wrote it, else get an intact copy"

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"

_CONVERT = "convert it to NIfTI (.nii.gz), with 3D Slicer, SimpleITK or nibabel for example"
_SERIES = "convert the series to NIfTI (.nii.gz), with dcm2niix for example"
_FETCH = "fetch the file's content, with {} for example"

#: First bytes of the content, the format, and the hint.
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer", _FETCH.format("`git lfs pull`")),
    (b"/annex/objects/", "a git-annex pointer", _FETCH.format("`datalad get`")),
    (b"NRRD", "an NRRD image", _CONVERT),
    (b"ObjectType", "a MetaImage (.mha, .mhd)", _CONVERT),
    (b"NDims", "a MetaImage (.mha, .mhd)", _CONVERT),
    (b"\x89HDF", "an HDF5 file", _CONVERT),
    (b"\x89PNG", "a PNG picture", "give the image itself"),
    (b"\xff\xd8\xff", "a JPEG picture", "give the image itself"),
    (b"%PDF", "a PDF document", "give the image itself"),
    (b"\x93NUMPY", "a numpy array", "save it as NIfTI (.nii.gz), with its affine"),
    (b"PK\x03\x04", "a zip archive", "unpack it and give the image in it"),
)


def open_content(path: Path) -> BufferedIOBase:
    """Open a file for reading, decompressed if its content is compressed."""
    with path.open("rb") as file:
        magic = file.read(3)
    if magic.startswith(_GZIP):
        return gzip.open(path)
    if magic.startswith(_BZIP2):
        return bz2.open(path)
    if path.suffix == ".zst":
        return cast("BufferedIOBase", ImageOpener(str(path)))
    return path.open("rb")


def nifti_class(path: Path) -> type[nib.Nifti1Image] | None:
    """Return the class of a NIfTI image in one file; None for other or unreadable files."""
    try:
        head = _head(path)
    except Exception:  # noqa: BLE001 - decompressors raise many kinds of error
        return None
    if head[344:348] == b"n+1\0":
        return nib.Nifti1Image
    return nib.Nifti2Image if head[4:8] == b"n+2\0" else None


def unreadable_image(path: Path, reason: str) -> InputError:
    """Return the error for a file that nibabel cannot read for ``reason``, with a hint for the file's format."""
    try:
        with path.open("rb") as file:
            compressed = file.read(3).startswith((_GZIP, _BZIP2))
        head = _head(path)
    except Exception:  # noqa: BLE001 - decompressors raise many kinds of error
        return InputError(path, f"not a readable NIfTI image ({reason})", DAMAGED, code="damaged-file")
    if not head:
        return InputError(path, "is empty", DAMAGED, code="damaged-file")
    if compressed and head.startswith((_GZIP, _BZIP2)):
        hint = "decompress it once, with gunzip for example"
        return InputError(path, "is compressed twice", hint, "compressed-twice")
    for magic, what, hint in _MAGIC:
        if head.startswith(magic):
            return InputError(path, f"is {what}, not a NIfTI image", hint, code="not-nifti")
    if head[128:132] == b"DICM":
        return InputError(path, "is a DICOM file, not a NIfTI image", _SERIES, code="not-nifti")
    if _is_text(head):
        kind = "a web page" if head.lstrip()[:1] == b"<" else "text"
        return InputError(path, f"is {kind}, not a NIfTI image", "give the image, as .nii or .nii.gz", "not-nifti")
    return InputError(path, f"not a readable NIfTI image ({reason})", DAMAGED, code="damaged-file")


def _head(path: Path) -> bytes:
    """Return the first bytes of the decompressed content."""
    with open_content(path) as file:
        return file.read(540)


def _is_text(head: bytes) -> bool:
    try:
        # The last character may be incomplete.
        text = (head[:-4] or head).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
