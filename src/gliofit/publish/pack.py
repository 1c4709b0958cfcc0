"""ZIP archives of results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from gliofit.core.io import atomic_path

#: Earliest time of the format, used for all files so that equal files give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(path: str | Path, folder: str | Path, files: Iterable[str | Path]) -> None:
    """Write a ZIP file.

    Parameters
    ----------
    path
        File to write.
    folder
        Folder that names in the archive are relative to.
    files
        Files to pack, in ``folder``.
    """
    with atomic_path(path) as temporary, ZipFile(temporary, "w") as archive:
        for file in sorted(Path(file) for file in files):
            entry = ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            # Default permissions: readable for all.
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), ZIP_DEFLATED)
