"""Reading and writing: NIfTI, Parquet, JSON. Writes are atomic (temporary name, fsync, rename)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.openers import ImageOpener
from numpy.typing import DTypeLike

from gliofit.errors import InputError
from gliofit.grid import Grid, Volume

__all__ = ["atomic_path", "read_json", "read_table", "read_volume", "write_json", "write_table", "write_volume"]


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it into place.

    The temporary name keeps the full suffix (``.nii.gz``) so that writers which look at it work. If the block raises,
    nothing is left behind and an older ``path`` is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=f"-{path.name}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_volume(path: str | Path, dtype: DTypeLike | None = None) -> Volume:
    """Read a NIfTI volume with its grid.

    Trailing axes of length one are dropped. ``dtype`` converts after scaling; integers are rounded, not cut.

    Raises
    ------
    InputError
        If the file is missing, is no readable image, is not 3-D, has values that are not finite, or a header with
        spacings that are not positive.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")
    _check_spacing(path)
    try:
        image: Any = nib.load(path)
        data = np.asanyarray(image.dataobj)
    except Exception as error:
        raise InputError(path, f"not a readable NIfTI image ({error})", "write it again") from error
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InputError(path, f"has shape {data.shape}", "give a 3-D image")
    if not np.isfinite(data).all():
        raise InputError(path, "holds values that are not finite", "replace NaN and infinity before use")
    if dtype is not None:
        data = np.rint(data).astype(dtype) if np.issubdtype(np.dtype(dtype), np.integer) else data.astype(dtype)
    try:
        grid = Grid(data.shape, image.affine)
    except InputError as error:
        raise InputError(path, error.problem, error.mend) from error
    return Volume(np.ascontiguousarray(data), grid)


def _check_spacing(path: Path) -> None:
    """Refuse a NIfTI header with spacings that are not positive, which nibabel would replace by 1 or their size."""
    for kind in (nib.Nifti1Header, nib.Nifti2Header):
        try:
            with ImageOpener(str(path)) as file:
                header = kind(file.read(kind.template_dtype.itemsize), check=False)
        except Exception:  # noqa: BLE001 - no NIfTI: whatever it is, the reader says so
            continue
        if int(header["sizeof_hdr"]) != kind.sizeof_hdr:
            continue
        spacing = [float(value) for value in header["pixdim"][1:4]]
        if not all(np.isfinite(value) and value > 0 for value in spacing):
            shown = ", ".join(f"{value:g}" for value in spacing)
            raise InputError(path, f"its header has the spacing {shown} mm", "write positive spacings into the header")


def write_volume(path: str | Path, volume: Volume) -> None:
    """Write a volume as NIfTI-1, in its own data type (bool as uint8, float64 as float32)."""
    data = volume.data
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.dtype == np.float64:
        data = data.astype(np.float32)
    elif data.dtype == np.int64:
        data = data.astype(np.int32)
    image = nib.Nifti1Image(data, volume.grid.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.grid.affine, code=1)
    image.set_qform(volume.grid.affine, code=1)
    with atomic_path(path) as temporary:
        nib.save(image, temporary)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a Parquet table; raises InputError if it is missing or unreadable."""
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")
    try:
        return pd.read_parquet(path)
    except Exception as error:
        raise InputError(path, f"not a readable Parquet table ({error})", "produce it again") from error


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


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
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")
    try:
        content = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InputError(path, f"not valid JSON ({error})", "write it again") from error
    if not isinstance(content, dict):
        raise InputError(path, "holds no JSON object", "write it again")
    return content
