"""Where a command writes: checked and locked before anything is computed, and replaced as a whole at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gliofit.core.errors import InputError

__all__ = [
    "FIT_FILES", "PLAN_FILES", "PREDICTGBM_FILES", "REGISTER_FILES", "check_out_file", "check_out_folder",
    "claim_folder", "files_in", "name_of_folder", "output_folder",
]  # fmt: skip

# Every file that a command may write into its folder. A file of these names that a run did not write is from an
# earlier run, and is removed.
REGISTER_FILES = (
    "t1.nii.gz", "wm.nii.gz", "gm.nii.gz", "csf.nii.gz", "labels.nii.gz", "brain_mask.nii.gz", "segmentation.nii.gz",
    "qc.png", "qc.parquet", "transforms/affine.mat", "transforms/warp.nii.gz", "transforms/inverse_warp.nii.gz",
)  # fmt: skip
FIT_FILES = (
    "parameters.parquet", "trace.parquet", "profile.parquet", "concentration.nii.gz", "uncertainty.nii.gz",
    "summary.png",
)  # fmt: skip
PLAN_FILES = (
    "clinical.nii.gz", "personalised.nii.gz", "plan.parquet", "plan.csv", "plan.md", "plan.png", "plan.pdf", "plan.dcm",
)  # fmt: skip
PREDICTGBM_FILES = ("00000.nii.gz",)


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
        raise InputError(path, "is both read and written", "give --out another name", "output-is-input")


def check_out_folder(folder: Path, names: Iterable[str] = (), inputs: Iterable[Path | None] = ()) -> None:
    """Check that a folder can be written to, and that no file written there is one of the command's inputs.

    Parameters
    ----------
    folder
        Where the command writes.
    names
        Files that it may write there, as paths in the folder.
    inputs
        Files that it reads; None for options that were not given.

    Raises
    ------
    InputError
        If the folder is a file, lies where nothing can be written, a folder has the name of one of the files, or a
        file would overwrite an input.
    """
    _check_place(folder.absolute())
    names = list(names)
    for name in names:
        if (folder / name).is_dir():
            raise InputError(
                folder / name, "is a folder, where a file is to be written", "rename it, or give --out another folder",
                "output-is-folder",
            )  # fmt: skip
    written = {(folder / name).resolve() for name in names}
    for given in inputs:
        if given is not None and given.resolve() in written:
            raise InputError(given, "is both read and written", "give --out another folder", "output-is-input")


@contextmanager
def claim_folder(folder: Path, names: Iterable[str] = (), inputs: Iterable[Path | None] = ()) -> Iterator[Path]:
    """Keep an output folder for one command from its beginning to its end.

    The folder is created; it is removed again if it is empty at the end. Where the system has no writable folder for
    temporary files, as in a container whose root is read-only, libraries get one in the scratch folder.

    Parameters
    ----------
    folder, names, inputs
        As in :func:`check_out_folder`.

    Yields
    ------
    A scratch folder in it, which is removed at the end.

    Raises
    ------
    InputError
        As :func:`check_out_folder`; or if another process has claimed the folder (code ``output-in-use``).
    """
    check_out_folder(folder, names, inputs)
    with _scratch_in(folder, "run") as scratch, _temporary_files(scratch):
        yield scratch


@contextmanager
def output_folder(folder: Path, names: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty folder for the results of one run, and put its files into ``folder`` at the end.

    All of them or none: if the block raises, ``folder`` is as before. Files of ``names`` that the run did not write
    are removed from ``folder``, since they are from an earlier run; all other files in it stay.

    Parameters
    ----------
    folder
        Folder that gets the results. It is created, and removed again if nothing is written.
    names
        Files that the command may write, as paths in the folder.

    Raises
    ------
    InputError
        If the disk refuses, or another process is writing to the folder (code ``output-in-use``).
    """
    with _scratch_in(folder, "results") as scratch:
        try:
            yield scratch
        except InputError as error:
            if not error.subject.startswith(str(scratch)):
                raise
            # About a file that the user knows by its final name.
            subject = error.subject.replace(str(scratch), str(folder), 1)
            raise InputError(subject, error.problem, error.hint, error.code) from error
        # All old files go before the first new one comes, so that a kill in between cannot mix them.
        for name in names:
            (folder / name).unlink(missing_ok=True)
        for path in sorted(scratch.rglob("*")):
            place = folder / path.relative_to(scratch)
            if path.is_dir():
                place.mkdir(exist_ok=True)
            else:
                shutil.move(path, place)


def files_in(folder: Path, names: Iterable[str]) -> list[Path]:
    """Files of these names in a folder: what the last run wrote there, if :func:`output_folder` got the same names."""
    return [folder / name for name in names if (folder / name).is_file()]


def name_of_folder(folder: Path) -> str:
    """Name of a folder as text that tables and pictures can hold: bytes that are not UTF-8 are escaped."""
    return os.fsencode(folder.resolve().name).decode("utf-8", "backslashreplace")


@contextmanager
def _scratch_in(folder: Path, name: str) -> Iterator[Path]:
    """A scratch folder inside an output folder, which may be the only place where anything can be written."""
    # Imported late because it imports numerical libraries, which read the number of threads when they are loaded.
    from gliofit.core.io import scratch_folder

    created = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with scratch_folder(folder / name, folder) as scratch:
            yield scratch
    finally:
        # On success there are results in it, and it stays.
        with suppress(OSError):
            for place in created:
                place.rmdir()


@contextmanager
def _temporary_files(folder: Path) -> Iterator[None]:
    """Let libraries put temporary files into ``folder`` where the system has no place for them."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        pass
    else:
        yield
        return
    # matplotlib would make a folder of its own there, and fail to remove it at the end of the process.
    variables = {"TMPDIR": str(folder), "MPLCONFIGDIR": str(folder / "matplotlib")}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = None
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_place(folder: Path) -> None:
    """The folder, or the nearest one above it that is there, must be a folder that can be written to."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(folder, "is no folder", "name a folder to write into")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(folder, "cannot be written to", "change its permissions, or name another folder with --out")
