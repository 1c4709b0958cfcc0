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
    "DAMAGED",
    "OUTPUT_IN_USE",
    "TEMPORARY_PREFIX",
    "atomic_path",
    "check_file",
    "check_image",
    "read_grid",
    "read_json",
    "read_like",
    "read_stored",
    "read_table",
    "read_volume",
    "scratch_folder",
    "write_json",
    "write_table",
    "write_volume",
]

#: How names of unfinished files and folders begin.
TEMPORARY_PREFIX = ".tmp-"

#: Code of the error about a file or folder that another process is writing.
OUTPUT_IN_USE = "output-in-use"

#: Why a file cannot be written, the hint and the code, by error number.
_REFUSALS = {
    errno.ENOSPC: ("cannot be written, the disk is full", "make space and run again", "disk-full"),
    errno.EDQUOT: ("cannot be written, the disk quota is used up", "make space and run again", "disk-full"),
    errno.EROFS: (
        "cannot be written, the disk is read-only", "make it writable, or work in another folder", "not-writable"
    ),
    errno.EACCES: (
        "cannot be written, permission denied", "make the folder writable, or work in another one", "not-writable"
    ),
}  # fmt: skip


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it into place.

    The temporary name keeps the full suffix (``.nii.gz``) so that writers which look at it work. If the block raises,
    nothing is left behind and an older ``path`` is untouched.

    Raises
    ------
    InputError
        If the disk is full or read-only, or another process is writing the same path (code ``output-in-use``).
    """
    path = Path(path)
    temporary: Path | None = None
    with _only_writer(path, path) as names:
        try:
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
        except BaseException as error:
            # The disk is probed before the space that the file takes is given back.
            refusal = _refusal(path, error, path)
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            if refusal is not None:
                raise refusal from error
            raise


@contextmanager
def scratch_folder(path: str | Path, subject: str | Path | None = None) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` for intermediate files, and remove it at the end.

    It lies on the disk of the results and not in the system's folder for temporary files, which may be missing or
    small; what a killed process leaves here is removed by the next one.

    Parameters
    ----------
    path
        File or folder that the intermediate files are for; it need not exist.
    subject
        What errors are about; ``path`` if not given.

    Raises
    ------
    InputError
        If the disk is full or read-only, or another process uses the scratch folder of the same path (code
        ``output-in-use``).
    """
    path, subject = Path(path), subject or path
    with _only_writer(path, subject) as names:
        try:
            with tempfile.TemporaryDirectory(**names) as name:
                try:
                    yield Path(name)
                except Exception as error:
                    refusal = _refusal(path, error, subject)
                    if refusal is not None:
                        raise refusal from error
                    raise
        except OSError as error:
            # From making the folder or removing it.
            refusal = _refusal(path, error, subject)
            if refusal is not None:
                raise refusal from error
            raise


@contextmanager
def _only_writer(path: Path, subject: str | Path) -> Iterator[dict[str, Any]]:
    """Lock ``path`` against other writers and yield the arguments of ``tempfile`` for a name beside it.

    The lock (``flock``) is on a file ``.tmp-lock-{name}`` and ends with the process, however that ends, so it shows
    whether a writer is alive, also one in another container or on another host of a network file system that passes
    locks on (NFS and CIFS do by default). Whoever holds it removes what killed writers left. On a file system without
    locks there is no protection, and nothing is removed because it may be in use.

    Raises
    ------
    InputError
        If another process holds the lock (code ``output-in-use``), or the disk refuses the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock, held = _lock(path.with_name(f"{TEMPORARY_PREFIX}lock-{path.name}"))
    except OSError as error:
        refusal = _refusal(path, error, subject)
        if refusal is not None:
            raise refusal from error
        raise
    if lock is None:
        raise InputError(
            subject, "is being written by another process", "wait until it has ended, or write elsewhere", OUTPUT_IN_USE
        )
    try:
        if held:
            for left in path.parent.glob(f"{TEMPORARY_PREFIX}????????-{glob.escape(path.name)}"):
                # What another user's process left cannot always be removed; it is in nobody's way.
                with suppress(OSError):
                    if left.is_dir():
                        shutil.rmtree(left)
                    else:
                        left.unlink()
        yield {"prefix": TEMPORARY_PREFIX, "suffix": f"-{path.name}", "dir": path.parent}
    finally:
        lock.close()


class _Lock:
    """A lock file that this process has open.

    Parameters
    ----------
    path
        The file.
    descriptor
        Open file descriptor.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor

    def close(self) -> None:
        """Remove the file, then release the lock, so that nobody locks a file without a name."""
        # Ignored because the folder may be gone or turned read-only; the lock itself ends with the descriptor.
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _lock(path: Path) -> tuple[_Lock | None, bool]:
    """Lock a file, created if it is missing.

    Returns
    -------
    The lock, None if another process has it; and whether the file system has locks at all.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None, True
            return _Lock(path, descriptor), False
        # The last owner may have removed the file between the two calls above; then this lock protects nothing.
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return _Lock(path, descriptor), True
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _refusal(path: Path, error: BaseException, subject: str | Path) -> InputError | None:
    """The error to report if it is the disk that refused ``path``, else None.

    Libraries report a full disk in different ways: those in Rust by a number in the text, torch not at all, so the
    disk is probed too.
    """
    if not isinstance(error, Exception):
        return None
    if isinstance(error, OSError):
        # An error about another place, such as an input that may not be read, says nothing about this disk.
        elsewhere = isinstance(error.filename, (str, bytes)) and not _is_below(error.filename, path.parent)
        number = None if elsewhere else error.errno
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
    return InputError(subject, *_REFUSALS[number]) if number in _REFUSALS else None


def _is_below(name: str | bytes, folder: Path) -> bool:
    return Path(os.path.abspath(os.fsdecode(name))).is_relative_to(os.path.abspath(folder))


def check_file(path: Path) -> None:
    """Check that there is a file to read.

    Raises
    ------
    InputError
        If there is nothing, or a folder.
    """
    if path.is_dir():
        raise InputError(path, "is a folder", "name a file in it")
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")


def read_volume(path: str | Path, dtype: DTypeLike | None = None) -> Volume:
    """Read a result of gliofit with its grid; images that a user gives are read by ``gliofit.inputs.images``.

    Trailing axes of length one are dropped. ``dtype`` converts after scaling; integers are rounded, not cut.

    Raises
    ------
    InputError
        As ``read_stored``.
    """
    volume, _ = read_stored(path)
    if dtype is None:
        return volume
    data = volume.data
    data = np.rint(data).astype(dtype) if np.issubdtype(np.dtype(dtype), np.integer) else data.astype(dtype)
    return Volume(data, volume.grid)


def read_like(path: str | Path, grid: Grid, reference: str = "the T1 image") -> Volume:
    """Read a result of gliofit that must lie on ``grid``, in the axis order of ``grid``.

    Raises
    ------
    InputError
        As ``read_stored``, or if it lies on another grid. Messages call the image of ``grid`` ``reference``.
    """
    return read_volume(path).onto(grid, path, reference)


def read_stored(path: str | Path) -> tuple[Volume, float]:
    """Read an image with its grid, and the step between two neighbouring values that its file can store.

    A NIfTI image in one file is read whatever its name, compressed or not.

    Returns
    -------
    The volume, and the step: the scale in the header of an image of integers, else 0.

    Raises
    ------
    InputError
        If the file is missing, is no readable image, is damaged (other length than the header says, wrong checksum),
        has values that are not finite, a header with spacings that are not positive, or one that ``check_header``
        refuses.
    """
    path = Path(path)
    check_file(path)
    _check_spacing(path)
    with _readable(path), _opened(path) as (opened, stream):
        # Before its voxels are read: a header may claim more than there is memory for.
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
    """Read the grid of an image from its header alone.

    Raises
    ------
    InputError
        As ``read_stored``, without what the voxels would show.
    """
    path = Path(path)
    check_file(path)
    _check_spacing(path)
    with _readable(path), _opened(path) as (image, _):
        check_header(image, path)
        return _grid(image, path)


def check_image(path: str | Path) -> None:
    """Raise InputError unless an image, of any shape, is whole; uncompressed ones hold no checksum but a length."""
    path = Path(path)
    with _readable(path), _opened(path) as (image, stream):
        if stream is not None:
            _whole(image, stream, path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong with an image into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise unreadable_image(path, _first_line(error)) from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, BufferedIOBase | None]]:
    """Open an image without reading its voxels.

    Yields
    ------
    The image, and for NIfTI in one file its content, decompressed; for what else nibabel reads, None.
    """
    kind = nifti_class(path)
    if kind is None:
        yield nib.load(path), None
        return
    with open_content(path) as stream:
        yield kind.from_stream(stream), stream


def _whole(image: Any, stream: BufferedIOBase, path: Path) -> Any:
    """Read a compressed NIfTI image to its end and compare the length of any with its header.

    nibabel reads as many bytes as the header asks for and stops, before the checksum that ends a compressed file; so
    most damage within goes unnoticed.
    """
    expected = image.dataobj.offset + int(np.prod(image.shape)) * image.get_data_dtype().itemsize
    if isinstance(stream, BufferedReader):
        found = path.stat().st_size
    else:
        content = BytesIO()
        stream.seek(0)
        # In parts, because a header that lies may ask for more memory than there is.
        while content.tell() <= expected and (part := stream.read(1 << 20)):
            content.write(part)
        found = content.tell()
        content.seek(0)
        image = type(image).from_stream(content)
    if found != expected:
        amount = f"more than {expected}" if found > expected else str(found)
        raise InputError(path, f"holds {amount} bytes where its header says {expected}", DAMAGED, code="damaged-file")
    return image


def _grid(image: Any, path: Path) -> Grid:
    """Grid of an image, with the file in errors."""
    try:
        return Grid(image.shape[:3], image.affine, orientation_known(image))
    except GridError as error:
        raise error.about(path) from error


def _first_line(error: Exception) -> str:
    """An error in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_spacing(path: Path) -> None:
    """Refuse a NIfTI header with spacings that are not positive, which nibabel would replace by 1 or their size."""
    for kind in (nib.Nifti1Header, nib.Nifti2Header):
        try:
            with open_content(path) as file:
                header = kind(file.read(kind.template_dtype.itemsize), check=False)
        except Exception:  # noqa: BLE001 - not NIfTI: the reader says what it is
            continue
        if int(header["sizeof_hdr"]) != kind.sizeof_hdr:
            continue
        spacing = [float(value) for value in header["pixdim"][1:4]]
        if not all(np.isfinite(value) and value > 0 for value in spacing):
            shown = ", ".join(f"{value:g}" for value in spacing)
            raise InputError(path, f"its header has the spacing {shown} mm", "write positive spacings into the header")


#: Most that a qform may be away from the sform, in mm.
_QFORM_TOLERANCE_MM = 0.1


def write_volume(path: str | Path, volume: Volume, look: Look | None = None) -> None:
    """Write a volume as NIfTI-1, in its own data type (bool as uint8, float64 as float32).

    The affine is written as sform, and as qform where that can hold it: a qform knows no shear, and one that is
    somewhere else than the sform would have programs of the ITK family show the image there. Where the orientation is
    not known, both get code 0, like the input that did not say it: every program then makes the same guess for input
    and output, and shows them voxel on voxel. A part of such a grid, whose place a code of 0 cannot hold, gets code 2.

    Parameters
    ----------
    path
        File to write (``.nii`` or ``.nii.gz``).
    volume
        The volume.
    look
        What the header tells viewers; where not given, only that whole numbers are labels.
    """
    data = volume.data
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.dtype == np.float64:
        data = data.astype(np.float32)
    elif data.dtype == np.int64:
        data = data.astype(np.int32)
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
    """Read a Parquet table; raises InputError if it is missing, unreadable or its checksums are wrong."""
    path = Path(path)
    check_file(path)
    try:
        # The content and not the name, which pyarrow takes for a URI that must be UTF-8.
        return pd.read_parquet(BytesIO(path.read_bytes()), page_checksum_verification=True)
    except Exception as error:
        raise InputError(path, f"not a readable Parquet table ({_first_line(error)})", DAMAGED) from error


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, with a checksum in every page."""
    content = table.to_parquet(index=False, write_page_checksum=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _plain(value: Any) -> Any:
    """Turn numpy values, paths and settings into what JSON can hold."""
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
    """Read a JSON object; raises InputError if it is missing or broken."""
    path = Path(path)
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    # Also bytes that are no text, numbers of thousands of digits and brackets in thousands of brackets.
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not valid JSON ({error})", DAMAGED) from error
    if not isinstance(content, dict):
        raise InputError(path, "holds no JSON object", DAMAGED)
    return content
