"""Reading and writing: NIfTI, Parquet, JSON. Writes are atomic (temporary name, fsync, rename)."""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from gliofit.core.errors import GridError, InputError
from gliofit.core.formats import DAMAGED, nifti_class, open_content, unreadable_image
from gliofit.core.grid import Grid, Volume
from gliofit.core.header import Look, check_header, orientation_known

__all__ = [
    "DAMAGED", "OUTPUT_IN_USE", "TEMPORARY_PREFIX", "atomic_path", "check_file", "check_image", "read_grid",
    "read_json", "read_like", "read_stored", "read_table", "read_volume", "scratch_folder", "write_json",
    "write_table", "write_volume",
]  # fmt: skip

#: Prefix of unfinished files and folders.
TEMPORARY_PREFIX = ".tmp-"

#: Error code for a file or folder that another process is writing.
OUTPUT_IN_USE = "output-in-use"

#: Problem, hint and code by the error number of a failed write.
_REFUSALS = {
    errno.ENOSPC: ("cannot be written, the disk is full", "free some space and run again", "disk-full"),
    errno.EDQUOT: ("cannot be written, the disk quota is used up", "free some space and run again", "disk-full"),
    errno.EROFS: (
        "cannot be written, the disk is read-only", "make it writable, or work in another folder", "not-writable"
    ),
    errno.EACCES: (
        "cannot be written, permission denied", "make the folder writable, or work in another one", "not-writable"
    ),
}  # fmt: skip


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it to ``path``.

    The temporary name keeps the full suffix (``.nii.gz``), which some writers depend on. If the block raises, the
    temporary file is removed and an existing ``path`` is unchanged.

    Raises
    ------
    InputError
        If the disk is full or read-only, or another process is writing the same path (code ``output-in-use``).
    """
    path = Path(path)
    temporary: Path | None = None
    with _only_writer(path, path) as names:
        try:
            # Inside the try statement, so that the disk is probed before removing the file frees its space.
            with _disk_errors(path, path):
                handle, name = tempfile.mkstemp(**names)
                os.close(handle)
                temporary = Path(name)
                yield temporary
                if not temporary.exists():
                    raise InputError(path, "its temporary file was removed by another process", "run again")
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
                umask = os.umask(0)
                os.umask(umask)
                temporary.chmod(0o666 & ~umask)
                temporary.replace(path)
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: str | Path, subject: str | Path | None = None) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` for intermediate files, and remove it at the end.

    It is on the disk of the results, because the system's folder for temporary files may be missing or small. The
    next process removes what a killed process left.
    ``path``, the file or folder that the intermediate files are for, need not exist; errors are about ``subject``.

    Raises
    ------
    InputError
        If the disk is full or read-only, or another process uses the scratch folder of the same path (code
        ``output-in-use``).
    """
    path, subject = Path(path), subject or path
    with (
        _only_writer(path, subject) as names,
        _disk_errors(path, subject),
        tempfile.TemporaryDirectory(**names) as name,
        # Again inside, so that the disk is probed before removing the folder frees its space.
        _disk_errors(path, subject),
    ):
        yield Path(name)


@contextmanager
def _only_writer(path: Path, subject: str | Path) -> Iterator[dict[str, Any]]:
    """Lock ``path`` against other writers and yield the arguments of ``tempfile`` for a name beside it.

    The lock (``flock``) on the file ``.tmp-lock-{name}`` ends with the process, so it shows whether a writer is alive,
    also in another container or on another host of a network file system that supports locks (NFS and CIFS do by
    default). Its holder removes the temporary files of killed writers. On a file system without locks, writers are not
    protected and nothing is removed, because it may be in use.
    """
    lock = path.with_name(f"{TEMPORARY_PREFIX}lock-{path.name}")
    with _disk_errors(path, subject):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, locked = _lock(lock)
    if descriptor is None:
        hint = "wait until it has ended, or write elsewhere"
        raise InputError(subject, "is being written by another process", hint, OUTPUT_IN_USE)
    try:
        if locked:
            for leftover in path.parent.glob(f"{TEMPORARY_PREFIX}????????-{glob.escape(path.name)}"):
                # Another user's leftovers cannot always be removed; they do no harm.
                with suppress(OSError):
                    if leftover.is_dir():
                        shutil.rmtree(leftover)
                    else:
                        leftover.unlink()
        yield {"prefix": TEMPORARY_PREFIX, "suffix": f"-{path.name}", "dir": path.parent}
    finally:
        # The file is removed before the lock is released, so that no process locks a file without a name. The folder
        # may be missing or read-only by now; the lock ends with the descriptor anyway.
        with suppress(OSError):
            lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path) -> tuple[int | None, bool]:
    """Lock a file, created if it is missing.

    Return the descriptor of the open file, None if another process holds the lock; and whether the file is locked,
    which it is not on a file system without locks.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None, False
            return descriptor, False
        # The previous holder may have removed the file between the two calls above; then this lock protects nothing.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor, True
        os.close(descriptor)


@contextmanager
def _disk_errors(path: Path, subject: str | Path) -> Iterator[None]:
    """Replace errors in this context by an InputError about ``subject`` if the disk refuses to write ``path``.

    Some libraries report a full disk only in the error's text (those in Rust) or not at all (torch), so the disk is
    probed as well.
    """
    try:
        yield
    except Exception as error:
        number = _error_number(error, path)
        if number in _REFUSALS:
            raise InputError(subject, *_REFUSALS[number]) from error
        raise


def _error_number(error: Exception, path: Path) -> int | None:
    if isinstance(error, OSError):
        name, folder = error.filename, os.path.abspath(path.parent)
        # An error about another place, such as an unreadable input, does not concern this disk.
        here = not isinstance(name, (str, bytes)) or Path(os.path.abspath(os.fsdecode(name))).is_relative_to(folder)
        number = error.errno if here else None
    else:
        reported = re.search(r"\(os error (\d+)\)", str(error))
        number = int(reported[1]) if reported else None
    if number not in _REFUSALS:
        try:
            with tempfile.TemporaryFile(dir=path.parent) as file:
                file.write(bytes(1 << 16))
                file.flush()
                os.fsync(file.fileno())
        except OSError as answer:
            number = answer.errno
    return number


def check_file(path: Path) -> None:
    """Raise InputError if a path is missing or a folder."""
    if path.is_dir():
        raise InputError(path, "is a folder", "name a file in it")
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")


def read_volume(path: str | Path, dtype: DTypeLike | None = None) -> Volume:
    """Read a result of gliofit with its grid; ``gliofit.inputs.images`` reads a user's images.

    Trailing axes of length one are dropped. ``dtype`` converts after scaling; integers are rounded. Errors are those
    of ``read_stored``.
    """
    volume, _ = read_stored(path)
    if dtype is None:
        return volume
    data = np.rint(volume.data) if np.issubdtype(np.dtype(dtype), np.integer) else volume.data
    return Volume(data.astype(dtype), volume.grid)


def read_like(path: str | Path, grid: Grid, reference: str = "the T1 image") -> Volume:
    """Read a result of gliofit in the axis order of ``grid``; errors of ``read_stored`` and ``Volume.onto``."""
    return read_volume(path).onto(grid, path, reference)


def read_stored(path: str | Path) -> tuple[Volume, float]:
    """Read an image with its grid and the quantisation step of its file.

    A NIfTI image in one file is recognised by its content, compressed or not.

    Returns
    -------
    volume : Volume
        The image.
    step : float
        Scale in the header of an image of integers, else 0.

    Raises
    ------
    InputError
        If the file is missing, not a readable image or damaged (length differs from the header, wrong checksum), has
        values that are not finite or spacings that are not positive, or ``check_header`` refuses it.
    """
    path = Path(path)
    check_file(path)
    _check_spacing(path)
    with _opened(path) as (opened, stream):
        # Before the voxels are read, because a header may state more than fits into memory.
        check_header(opened, path)
        image = opened if stream is None else _whole(opened, stream, path)
        data = np.asanyarray(image.dataobj)
        scale = abs(float(getattr(image.dataobj, "slope", 1)))
        step = scale if image.get_data_dtype().kind in "iu" and scale != 1 else 0.0
    data = data.reshape(data.shape[:3])
    if not np.isfinite(data).all():
        raise InputError(path, "holds values that are not finite", "replace NaN and infinity before use")
    return Volume(np.ascontiguousarray(data), _grid(image, path)), step


def read_grid(path: str | Path) -> Grid:
    """Read the grid of an image from its header; errors of ``read_stored`` except those about voxels."""
    path = Path(path)
    check_file(path)
    _check_spacing(path)
    with _opened(path) as (image, _):
        check_header(image, path)
        return _grid(image, path)


def check_image(path: str | Path) -> None:
    """Raise InputError if an image of any shape is damaged; uncompressed images have a length but no checksum."""
    path = Path(path)
    with _opened(path) as (image, stream):
        if stream is not None:
            _whole(image, stream, path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, BufferedIOBase | None]]:
    """Open an image without reading its voxels; errors in this context are replaced by an InputError.

    Yield the image, and the decompressed content of a NIfTI image in one file (None for other formats).
    """
    try:
        kind = nifti_class(path)
        if kind is None:
            yield nib.load(path), None
        else:
            with open_content(path) as stream:
                yield kind.from_stream(stream), stream
    except InputError:
        raise
    except Exception as error:
        raise unreadable_image(path, _first_line(error)) from error


def _whole(image: Any, stream: BufferedIOBase, path: Path) -> Any:
    """Return the complete NIfTI image; InputError if its length differs from its header.

    nibabel stops reading before the checksum at the end of a compressed file and so misses most damage; compressed
    files are therefore read to their end.
    """
    expected = image.dataobj.offset + int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    if isinstance(stream, BufferedReader):
        length = path.stat().st_size
    else:
        content = BytesIO()
        stream.seek(0)
        # In parts, because a wrong header may request more memory than available.
        while content.tell() <= expected and (part := stream.read(1 << 20)):
            content.write(part)
        length = content.tell()
        content.seek(0)
        image = type(image).from_stream(content)
    if length != expected:
        amount = f"more than {expected}" if length > expected else str(length)
        raise InputError(path, f"holds {amount} bytes, its header states {expected}", DAMAGED, code="damaged-file")
    return image


def _grid(image: Any, path: Path) -> Grid:
    try:
        return Grid(image.shape[:3], image.affine, orientation_known(image))
    except GridError as error:
        raise error.about(path) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_spacing(path: Path) -> None:
    """Raise InputError if spacings of a NIfTI header are not positive; nibabel would replace them silently."""
    kinds: tuple[Any, ...] = (nib.Nifti1Header, nib.Nifti2Header)
    for kind in kinds:
        try:
            with open_content(path) as file:
                header = kind(file.read(kind.template_dtype.itemsize), check=False)
        except Exception:  # noqa: BLE001 - not NIfTI: the reader reports the format
            continue
        spacing = header["pixdim"][1:4]
        if int(header["sizeof_hdr"]) == kind.sizeof_hdr and not (np.isfinite(spacing) & (spacing > 0)).all():
            shown = ", ".join(f"{value:g}" for value in spacing)
            raise InputError(path, f"its header has the spacing {shown} mm", "write positive spacings into the header")


#: Largest distance of voxels by qform and sform, in mm.
_QFORM_TOLERANCE_MM = 0.1

#: Types in files of arrays of other types.
_STORED_TYPES = {np.dtype(bool): np.uint8, np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}


def write_volume(path: str | Path, volume: Volume, look: Look | None = None) -> None:
    """Write a volume as NIfTI-1, in its data type (bool as uint8, float64 as float32, int64 as int32).

    The affine is written as sform, and as qform if the qform can represent it: a qform has no shear, and programs based
    on ITK place the image by it. If the orientation is unknown, both get code 0 like the input, so that every
    program assumes the same orientation for input and output. A part of such a grid gets code 2, because code 0 cannot
    store its position.

    Parameters
    ----------
    path
        File to write (``.nii`` or ``.nii.gz``).
    volume
        The volume.
    look
        Header fields for viewers; by default integers are marked as labels.
    """
    data = volume.data.astype(_STORED_TYPES.get(volume.data.dtype, volume.data.dtype), copy=False)
    image = nib.Nifti1Image(data, volume.grid.affine)
    image.header.set_xyzt_units("mm")
    code = 1
    if not volume.grid.orientation_known:
        default = Grid(volume.grid.shape, image.header.get_base_affine())
        code = 0 if default.matches(volume.grid) else 2
    image.set_sform(volume.grid.affine, code=code)
    image.set_qform(volume.grid.affine, code=code)
    if code and not Grid(volume.grid.shape, image.get_qform()).matches(volume.grid, _QFORM_TOLERANCE_MM):
        image.set_qform(None, code=0)
    if look is not None:
        look.write(image.header)
    elif data.dtype.kind in "iu":
        image.header.set_intent("label")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a Parquet table; InputError if it is missing, unreadable or has wrong checksums."""
    path = Path(path)
    check_file(path)
    try:
        # Given the content, because pyarrow reads a name as a URI, which must be UTF-8.
        return pd.read_parquet(BytesIO(path.read_bytes()), page_checksum_verification=True)
    except Exception as error:
        raise InputError(path, f"not a readable Parquet table ({_first_line(error)})", DAMAGED) from error


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, with a checksum in every page."""
    content = table.to_parquet(index=False, write_page_checksum=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _plain(value: Any) -> Any:
    """Convert numpy values, paths and settings to types of JSON."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON with sorted keys."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(dict(content), indent=2, sort_keys=True, default=_plain) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object; InputError if it is missing or invalid."""
    path = Path(path)
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    # Also bytes that are not UTF-8, numbers with thousands of digits, and thousands of nested brackets.
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not valid JSON ({error})", DAMAGED) from error
    if not isinstance(content, dict):
        raise InputError(path, "does not hold a JSON object", DAMAGED)
    return content
