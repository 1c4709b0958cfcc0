"""Whether the files of a results folder are whole: every one is read to its end.

Snakemake decides by the times of files what to do again, so a file that a crash or a disk has damaged stays until a
person deletes it. This names such files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED, TEMPORARY_PREFIX, check_image, read_json, read_table
from gliofit.core.progress import OnProgress, no_progress

__all__ = ["Damage", "Verification", "verify"]


@dataclass(frozen=True)
class Damage:
    """One file that is not whole, or should not be there.

    Parameters
    ----------
    path
        The file.
    problem
        What is wrong with it.
    hint
        What to do about it.
    """

    path: Path
    problem: str
    hint: str


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found.

    Parameters
    ----------
    files, size
        Number of files read, and their bytes.
    unread
        Files of kinds that nothing is known of.
    damages
        What is wrong, in the order of paths.
    """

    files: int
    size: int
    unread: list[Path]
    damages: list[Damage]


def verify(folder: str | Path, *, unfinished: bool = True, progress: OnProgress = no_progress) -> Verification:
    """Read every file under a folder.

    Volumes, tables and weights are checked against the checksums they hold or that lie beside them, checkpoints and
    pictures by their decoders; text must be there and hold no zero bytes, which is what a crash of the machine makes of
    text. Uncompressed volumes (shards) hold no checksum: of those only the length is known. Logs are not looked at.

    Parameters
    ----------
    folder
        Such as ``results/demo``.
    unfinished
        Whether to name files of writers that were killed. While a run is under way there are some of writers that are
        alive.
    progress
        Hears of the number of files looked at.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name a results folder, e.g. results/demo")
    files, size, unread = 0, 0, []
    damages: dict[Path, Damage] = {}
    logs = folder / "logs"
    paths = sorted(folder.rglob("*"))
    for number, path in enumerate(paths):
        progress("files", number, len(paths))
        parts = path.relative_to(folder).parts
        if any(part.startswith(TEMPORARY_PREFIX) for part in parts):
            if unfinished and path.name.startswith(TEMPORARY_PREFIX):
                damages[path] = Damage(path, "left by a run that was killed", "delete it, unless a run is under way")
            continue
        if not path.is_file() or logs in path.parents:
            continue
        read = _READERS.get(path.suffix) or _READERS.get("".join(path.suffixes[-2:]))
        if read is None:
            unread.append(path)
            continue
        files, size = files + 1, size + path.stat().st_size
        try:
            read(path)
        except InputError as error:
            # A model is read as one, and may be damaged in its other file.
            damages[Path(error.subject)] = Damage(Path(error.subject), error.problem, error.hint)
        except Exception as error:  # noqa: BLE001 - decoders raise what they like; the file is damaged all the same
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            damages[path] = Damage(path, f"cannot be read ({reason})", DAMAGED)
    return Verification(files, size, unread, list(damages.values()))


def _read_text(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")
    if not text.strip():
        raise InputError(path, "is empty", DAMAGED)
    if "\0" in text:
        raise InputError(path, "holds zero bytes", DAMAGED)


def _read_document(path: Path) -> None:
    content = path.read_bytes()
    if not content.startswith(b"%PDF-") or not content.rstrip().endswith(b"%%EOF"):
        raise InputError(path, "is no whole PDF file", DAMAGED)


def _read_picture(path: Path) -> None:
    from PIL import Image

    with Image.open(path) as image:
        image.load()


def _read_weights(path: Path) -> None:
    from gliofit.train.surrogate import load_model

    load_model(path.parent)


def _read_checkpoint(path: Path) -> None:
    import torch

    torch.load(path, map_location="cpu", weights_only=True)


def _read_transform(path: Path) -> None:
    from scipy.io import loadmat

    loadmat(path)


#: How files are read, by their suffix.
_READERS: dict[str, Callable[[Path], object]] = {
    ".nii": check_image,
    ".nii.gz": check_image,
    ".parquet": read_table,
    ".json": read_json,
    ".safetensors": _read_weights,
    ".pt": _read_checkpoint,
    ".mat": _read_transform,
    ".png": _read_picture,
    ".pdf": _read_document,
    ".csv": _read_text,
    ".html": _read_text,
    ".md": _read_text,
    ".tex": _read_text,
    ".tsv": _read_text,
}
