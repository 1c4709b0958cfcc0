"""Comparison of two results folders by file: bytes if they must agree, else values except times.

Allowed differences are listed here; everything else must be equal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Columns of times in tables.
TIME_COLUMNS = re.compile(r"(^|_)seconds(_|$)|^time, |^training \(min\)$")

#: Keys of times in JSON files and checkpoints.
TIME_KEYS = re.compile(r"started|((wall|core|validation)_)?seconds|(core_)?minutes")

#: Keys of digests in sidecars; the files themselves are compared.
DIGESTS = re.compile(r"sha256")

#: Keys and columns of numbers of threads, which depend on the cores of the workflow.
THREADS = re.compile(r"threads")

#: Folders of what Snakemake and jobs say about how a run went.
RECORDS = ("logs", "benchmarks")

#: Column with the quantity of a row; rows of times are excluded.
QUANTITY = "metric"

#: Tables with formatted times, whose numbers are compared in the CSV file of the same name; losses and errors by time.
TYPESET_TIMES = re.compile(
    r"publish/tables/(table[23]|table3-segmentation|refinement)\.(json|md|tex|html)|publish/(patients|cases)/[^/]+\.html"
    r"|publish/report\.(html|zip)"
    r"|study/(study\.(json|md|png|pdf)|convergence\.(json|csv|md))|assess/(forward\.(json|md)|training\.(png|pdf))"
)


@dataclass
class Comparison:
    """Result of :func:`compare`.

    Parameters
    ----------
    same_bytes, same_values
        Number of files by suffix that agree in bytes, and in all values except times.
    size
        Bytes of the files compared.
    differences
        Descriptions of differences.
    columns
        Excluded columns and keys.
    not_compared
        Files with formatted times.
    """

    same_bytes: Counter[str] = field(default_factory=Counter)
    same_values: Counter[str] = field(default_factory=Counter)
    size: int = 0
    differences: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    not_compared: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        bytewise = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.same_bytes.items()))
        by_value = ", ".join(f"{count} {suffix}" for suffix, count in sorted(self.same_values.items()))
        files = self.same_bytes.total() + self.same_values.total()
        lines = [
            f"{files} files agree ({self.size / 1e6:.1f} MB compared)",
            f"  byte by byte: {bytewise or 'none'}",
            f"  in all values except times: {by_value or 'none'}",
            f"  excluded as times: {', '.join(sorted(self.columns)) or 'nothing'}",
            f"  not compared (formatted times): {', '.join(self.not_compared) or 'none'}",
            f"{len(self.differences)} differences",
        ]
        return "\n".join(lines + [f"  {line}" for line in self.differences])


def compare(first: Path, second: Path, *, other_cores: bool = False, part: bool = False) -> Comparison:
    """Compare two results folders.

    Parameters
    ----------
    first, second
        Folders such as ``results/smoke``.
    other_cores
        Whether the numbers of cores differ, so that recorded numbers of threads may differ.
    part
        Whether the first is incomplete.
    """
    found = Comparison()
    ignored = Ignored(found.columns, other_cores)
    files, others = (_files(folder) for folder in (first, second))
    found.differences += [f"{name}: only in {first}" for name in sorted(files - others)]
    found.differences += [] if part else [f"{name}: only in {second}" for name in sorted(others - files)]
    for name in sorted(files & others):
        one, other = first / name, second / name
        found.size += one.stat().st_size
        suffix = ".nii.gz" if name.endswith(".nii.gz") else one.suffix
        if one.read_bytes() == other.read_bytes():
            found.same_bytes[suffix] += 1
        elif TYPESET_TIMES.fullmatch(name):
            found.not_compared.append(name)
        else:
            try:
                words = _COMPARERS.get(suffix, _bytes)(one, other, ignored)
            except Exception as error:  # noqa: BLE001 - a file that cannot be read does differ
                words = f"cannot be compared ({error!r})"
            if words:
                found.differences.append(f"{name}: {words}")
            else:
                found.same_values[suffix] += 1
    return found


@dataclass(frozen=True)
class Ignored:
    """Excluded names, and those that occurred.

    Parameters
    ----------
    met
        Set of occurred names.
    other_cores
        Whether numbers of threads are also excluded.
    """

    met: set[str]
    other_cores: bool

    def column(self, name: str) -> bool:
        """Whether a column of a table is excluded."""
        return self._note(name, TIME_COLUMNS.search(name))

    def key(self, name: str) -> bool:
        """Whether a key of a JSON file or checkpoint is excluded."""
        return self._note(name, TIME_KEYS.fullmatch(name) or DIGESTS.fullmatch(name))

    def _note(self, name: str, match: re.Match[str] | None) -> bool:
        found = bool(match or (self.other_cores and THREADS.fullmatch(name)))
        if found:
            self.met.add(name)
        return found


def _files(folder: Path) -> set[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in paths if path.parts[0] not in RECORDS}


def _bytes(one: Path, other: Path, ignored: Ignored) -> str:
    return f"other bytes ({one.stat().st_size} and {other.stat().st_size})"


def _volumes(one: Path, other: Path, ignored: Ignored) -> str:
    import nibabel as nib

    images = nib.Nifti1Image.from_filename(one), nib.Nifti1Image.from_filename(other)
    arrays = [np.asanyarray(image.dataobj) for image in images]
    if arrays[0].shape != arrays[1].shape or not np.array_equal(images[0].affine, images[1].affine):
        return "another grid"
    if np.array_equal(arrays[0], arrays[1]):
        return "the same voxels in other bytes"
    apart = np.abs(arrays[0].astype(float) - arrays[1].astype(float))
    return f"{np.count_nonzero(apart)} voxels differ, by up to {apart.max():.3g}"


def _tables(one: Path, other: Path, ignored: Ignored) -> str:
    return _frames(pd.read_parquet(one), pd.read_parquet(other), ignored)


def _texts(one: Path, other: Path, ignored: Ignored) -> str:
    # As text, without rounding.
    return _frames(pd.read_csv(one, dtype=str), pd.read_csv(other, dtype=str), ignored)


def _frames(one: pd.DataFrame, other: pd.DataFrame, ignored: Ignored) -> str:
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return "other columns or rows"
    rows = len(one)
    if QUANTITY in one:
        one, other = (table[~table[QUANTITY].map(lambda name: ignored.column(str(name)))] for table in (one, other))
    kept = [column for column in one.columns if not ignored.column(column)]
    try:
        pd.testing.assert_frame_equal(one[kept], other[kept], check_exact=True)
    except AssertionError as error:
        return re.sub(r"\s+", " ", str(error))
    return "the same values in other bytes" if len(kept) == len(one.columns) and len(one) == rows else ""


def _json(one: Path, other: Path, ignored: Ignored) -> str:
    contents = [_without(json.loads(path.read_text()), ignored) for path in (one, other)]
    return "; ".join(_apart(*contents)[:5])


def _without(value: Any, ignored: Ignored) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, ignored) for key, item in value.items() if not ignored.key(key)}
    return [_without(item, ignored) for item in value] if isinstance(value, list) else value


def _apart(one: Any, other: Any, place: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [words for key in keys for words in _apart(one.get(key), other.get(key), f"{place}/{key}")]
    return [] if one == other else [f"{place}: {one!r} and {other!r}"]


def _checkpoints(one: Path, other: Path, ignored: Ignored) -> str:
    import torch

    first, second = (torch.load(path, map_location="cpu", weights_only=True) for path in (one, other))
    return "; ".join(_states_apart(first, second, ignored)[:5])


def _states_apart(one: Any, other: Any, ignored: Ignored, place: str = "") -> list[str]:
    import torch

    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if not ignored.key(str(key))]
        return [w for key in keys for w in _states_apart(one.get(key), other.get(key), ignored, f"{place}/{key}")]
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [w for i, (a, b) in pairs for w in _states_apart(a, b, ignored, f"{place}/{i}")]
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    same = one == other or (one != one and other != other)
    return [] if same else [f"{place}: {one!r} and {other!r}"]


_COMPARERS = {
    ".nii": _volumes,
    ".nii.gz": _volumes,
    ".parquet": _tables,
    ".csv": _texts,
    ".json": _json,
    ".pt": _checkpoints,
}
