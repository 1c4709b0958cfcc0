"""Where a command writes: looked at before anything is computed, so that no work is lost and no input overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gliofit.errors import InputError

__all__ = ["check_out_file", "check_out_folder"]


def check_out_file(path: Path, inputs: Iterable[Path | None] = ()) -> None:
    """Check that a file can be written, and that it is none of the command's inputs.

    Raises
    ------
    InputError
        If the path is a folder or one of ``inputs``, or lies where nothing can be written.
    """
    if path.is_dir():
        raise InputError(path, "is a folder", "name a file to write")
    _check_place(path.absolute().parent)
    if any(given is not None and given.resolve() == path.resolve() for given in inputs):
        raise InputError(path, "is both read and written", "give --out another name")


def check_out_folder(folder: Path, names: Iterable[str] = (), inputs: Iterable[Path | None] = ()) -> None:
    """Check that a folder can be written to, and that no file written there is one of the command's inputs.

    Parameters
    ----------
    folder
        Where the command writes.
    names
        Names of files that it writes.
    inputs
        Files that it reads; None for options that were not given.

    Raises
    ------
    InputError
        If the folder is a file, lies where nothing can be written, or a file would overwrite an input.
    """
    _check_place(folder.absolute())
    written = {(folder / name).resolve() for name in names}
    for given in inputs:
        if given is not None and given.resolve() in written:
            raise InputError(given, "is both read and written", "give --out another folder")


def _check_place(folder: Path) -> None:
    """The folder, or the nearest one above it that is there, must be a folder that can be written to."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(folder, "is no folder", "name a folder to write into")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(folder, "cannot be written to", "change its permissions, or name another folder with --out")
