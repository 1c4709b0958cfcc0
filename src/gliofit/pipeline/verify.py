"""Check of all files in a results folder for damage.

Snakemake decides by modification times, so it does not detect files damaged by a crash or a disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED, TEMPORARY_PREFIX, check_image, read_json, read_table
from gliofit.core.progress import OnProgress, no_progress


@dataclass(frozen=True)
class Damage:
    """Damaged or left-over file, and what to do about it."""

    path: Path
    problem: str
    hint: str


@dataclass(frozen=True)
class Verification:
    """Number of files read and their bytes, files of unknown kinds, and problems in the order of paths."""

    files: int
    size: int
    unread: list[Path]
    damages: list[Damage]


def verify(folder: str | Path, *, unfinished: bool = True, progress: OnProgress = no_progress) -> Verification:
    """Read every file under a folder.

    Volumes, tables and weights are checked by their checksums, checkpoints and pictures by decoding; text must not be
    empty or contain zero bytes (left by a crash of the machine). Uncompressed volumes (shards) have no checksum: only
    their length is checked. Logs are ignored.

    Parameters
    ----------
    folder
        Such as ``results/demo``.
    unfinished
        Whether to report temporary files of killed writers; running jobs also have some.
    progress
        Called with the number of files read.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "name a results folder, e.g. results/demo")
    files, size, unread = 0, 0, []
    damages: dict[Path, Damage] = {}
    paths = sorted(folder.rglob("*"))
    for number, path in enumerate(paths):
        progress("files", number, len(paths))
        if any(part.startswith(TEMPORARY_PREFIX) for part in path.relative_to(folder).parts):
            if unfinished and path.name.startswith(TEMPORARY_PREFIX):
                damages[path] = Damage(path, "left by a killed run", "delete it, unless a run is active")
            continue
        if not path.is_file() or folder / "logs" in path.parents:
            continue
        read = _READERS.get(path.suffix) or _READERS.get("".join(path.suffixes[-2:]))
        if read is None:
            unread.append(path)
            continue
        files, size = files + 1, size + path.stat().st_size
        try:
            read(path)
        except InputError as error:
            # The other file of the model may be damaged.
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
        raise InputError(path, "contains zero bytes", DAMAGED)


def _read_document(path: Path) -> None:
    content = path.read_bytes()
    if not content.startswith(b"%PDF-") or not content.rstrip().endswith(b"%%EOF"):
        raise InputError(path, "is an incomplete PDF file", DAMAGED)


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


#: Readers by suffix.
_READERS: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys((".nii", ".nii.gz"), check_image),
    ".parquet": read_table,
    ".json": read_json,
    ".safetensors": _read_weights,
    ".pt": _read_checkpoint,
    ".mat": _read_transform,
    ".png": _read_picture,
    ".pdf": _read_document,
    **dict.fromkeys((".csv", ".html", ".md", ".tex", ".tsv"), _read_text),
}
