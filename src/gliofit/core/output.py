"""Output files and folders of commands: checked and locked before computing, replaced together at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gliofit.core.children import environment
from gliofit.core.errors import InputError

# All files that a command may write into its folder. Those that a run did not write are from an earlier run and are
# removed.
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
    """Raise InputError if a file cannot be written or is one of the command's inputs."""
    if path.is_dir():
        raise InputError(path, "is a folder", "name a file to write")
    _check_place(path.absolute().parent)
    if any(given is not None and given.resolve() == path.resolve() for given in inputs):
        raise InputError(path, "is both read and written", "give --out another name", "output-is-input")


def check_out_folder(folder: Path, names: Iterable[str] = (), inputs: Iterable[Path | None] = ()) -> None:
    """Check the output folder of a command that may write files of these names.

    InputError if the folder is a file or not writable, one of the files is a folder, or one would overwrite an input.
    """
    _check_place(folder.absolute())
    places = [folder / name for name in names]
    for place in places:
        if place.is_dir():
            hint = "rename it, or give --out another folder"
            raise InputError(place, "is a folder, but a file is written there", hint, "output-is-folder")
    written = {place.resolve() for place in places}
    for given in inputs:
        if given is not None and given.resolve() in written:
            raise InputError(given, "is both read and written", "give --out another folder", "output-is-input")


@contextmanager
def claim_folder(folder: Path, names: Iterable[str] = (), inputs: Iterable[Path | None] = ()) -> Iterator[Path]:
    """Lock an output folder for one command and yield a scratch folder in it, which is removed at the end.

    The folder is created, and removed again if it is empty at the end. Where the system has no writable folder for
    temporary files, as in a container with a read-only root, libraries use the scratch folder. Parameters and errors
    are those of :func:`check_out_folder`; InputError also if another process has locked it (``output-in-use``).
    """
    check_out_folder(folder, names, inputs)
    with _scratch_in(folder, "run") as scratch, _temporary_files(scratch):
        yield scratch


@contextmanager
def output_folder(folder: Path, names: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty folder for the results of one run, and move its files to ``folder`` at the end.

    If the block raises, ``folder`` is unchanged. Files of ``names`` that the run did not write are removed from
    ``folder``, because they are from an earlier run; all other files in it stay. ``folder`` is created, and removed
    again if nothing is written. InputError if the disk refuses a file, or another process is writing to the folder
    (``output-in-use``).
    """
    with _scratch_in(folder, "results") as scratch:
        try:
            yield scratch
        except InputError as error:
            if not error.subject.startswith(str(scratch)):
                raise
            # The user knows the file by its final name.
            raise error.about(error.subject.replace(str(scratch), str(folder), 1)) from error
        # All old files are removed before the first new one is moved, so that a kill cannot leave a mixture.
        for name in names:
            (folder / name).unlink(missing_ok=True)
        for path in sorted(scratch.rglob("*")):
            place = folder / path.relative_to(scratch)
            if path.is_dir():
                place.mkdir(exist_ok=True)
            else:
                shutil.move(path, place)


def files_in(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the existing files of these names, which the last run wrote (see :func:`output_folder`)."""
    return [folder / name for name in names if (folder / name).is_file()]


def name_of_folder(folder: Path) -> str:
    """Return the name of a folder as text for tables and pictures; bytes that are not UTF-8 are escaped."""
    return os.fsencode(folder.resolve().name).decode("utf-8", "backslashreplace")


@contextmanager
def _scratch_in(folder: Path, name: str) -> Iterator[Path]:
    """Yield a scratch folder inside an output folder, which may be the only writable place."""
    # Imports numerical libraries, which read the number of threads when they are loaded.
    from gliofit.core.io import scratch_folder

    created = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        with scratch_folder(folder / name, folder) as scratch:
            yield scratch
    finally:
        # A folder with results is not empty and stays.
        with suppress(OSError):
            for place in created:
                place.rmdir()


@contextmanager
def _temporary_files(folder: Path) -> Iterator[None]:
    """Make ``folder`` the place of temporary files if the system has none."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        pass
    else:
        yield
        return
    # matplotlib would create another folder there, and fail to remove it at the end of the process.
    with environment({"TMPDIR": str(folder), "MPLCONFIGDIR": str(folder / "matplotlib")}):
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = None


def _check_place(folder: Path) -> None:
    """Raise InputError unless the folder, or its nearest existing parent, is a writable folder."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(folder, "is not a folder", "name a folder to write into")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(folder, "cannot be written to", "change its permissions, or name another folder with --out")
