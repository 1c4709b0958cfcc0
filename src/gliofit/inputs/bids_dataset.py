"""File names, images and label names of a BIDS dataset.

Imports no numerical library, because Snakemake imports it at its start.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError

#: File that every dataset must have; copies of parts of a dataset often lack it.
DESCRIPTION = "dataset_description.json"

#: Key of the labels in a segmentation's sidecar, used without a table; not part of the specification.
_LABEL_KEY = "LabelMap"

#: Extensions of images, the longest first.
_EXTENSIONS = (".nii.gz", ".nii")
_PAIR = re.compile(r"([a-z]+)-([0-9A-Za-z+]+)")
_SUFFIX = re.compile(r"[0-9A-Za-z]+")


@dataclass(frozen=True)
class BidsName:
    """A parsed file name: entities by key in the order of the name (``sub`` first), suffix, and extension with dot."""

    entities: Mapping[str, str]
    suffix: str
    extension: str

    @property
    def stem(self) -> str:
        """The name without extension."""
        return "_".join([*(f"{key}-{value}" for key, value in self.entities.items()), self.suffix])

    def __str__(self) -> str:
        return self.stem + self.extension


def parse_name(name: str, extensions: tuple[str, ...] = _EXTENSIONS) -> BidsName | None:
    """Parse a file name; None if it is not a BIDS name or has another extension."""
    extension = next((ending for ending in extensions if name.endswith(ending)), None)
    if extension is None:
        return None
    *pairs, suffix = name.removesuffix(extension).split("_")
    entities = {match[1]: match[2] for match in map(_PAIR.fullmatch, pairs) if match}
    is_valid = _SUFFIX.fullmatch(suffix) and len(entities) == len(pairs)
    return BidsName(entities, suffix, extension) if is_valid else None


def bids_label(name: str) -> str:
    """Return the letters and digits of a name, the value of an entity.

    Names that differ only in other characters have the same label, so the names must be stored beside the labels.
    """
    return re.sub(r"[^0-9A-Za-z]", "", name)


@dataclass(frozen=True)
class BidsImage:
    """An image in an ``anat`` folder; ``root`` is the folder of its dataset, possibly one of the ``derivatives``."""

    path: Path
    name: BidsName
    root: Path


def is_dataset(folder: Path) -> bool:
    """Return whether a folder or its derivatives have subjects in the layout of BIDS, with or without a description."""
    return any(next(_anat_folders(root), None) is not None for root in _roots(folder))


def read_description(folder: Path) -> dict[str, Any] | None:
    """Read ``dataset_description.json``; None if it is missing.

    Raises
    ------
    InputError
        If it is not a JSON object, lacks ``Name`` or ``BIDSVersion``, or has another version than 1.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    content = _read_object(path)
    for key in ("Name", "BIDSVersion"):
        if not isinstance(content.get(key), str):
            raise InputError(path, f"has no text '{key}'", "add it, as BIDS requires")
    if content["BIDSVersion"].partition(".")[0].removeprefix("v") != "1":
        raise InputError(path, f"has BIDS version {content['BIDSVersion']}", "give a dataset of version 1")
    return content


def anatomical_images(folder: Path) -> dict[tuple[str, str | None], list[BidsImage]]:
    """Return the images of each ``(sub-<label>, ses-<label> or None)``, in the dataset and its derivatives.

    Images are sorted by path; files without a BIDS name are ignored.
    """
    sessions: dict[tuple[str, str | None], list[BidsImage]] = {}
    for root in _roots(folder):
        for subject, session, anat in _anat_folders(root):
            images = sessions.setdefault((subject, session), [])
            for path in sorted(anat.iterdir()):
                name = parse_name(path.name)
                if name is not None and f"sub-{name.entities.get('sub')}" == subject:
                    images.append(BidsImage(path, name, root))
    return sessions


def read_lookup(image: BidsImage) -> tuple[Path, dict[int, str]] | None:
    """Read the names of a segmentation's labels: their file and the name by label value; None if no file applies.

    They are in the nearest table (``index name ...``) that applies to the image, else in ``LabelMap`` of its nearest
    sidecar. By the inheritance principle of BIDS, a file beside or above the image applies if it has the same suffix
    and no entity that the image lacks.

    Raises
    ------
    InputError
        If the file cannot be read, or a value is not an integer.
    """
    table = next(_inherited(image, ".tsv"), None)
    if table is not None:
        return table, _numbered(table, _table(table))
    for path in _inherited(image, ".json"):
        labels = _read_object(path).get(_LABEL_KEY)
        if isinstance(labels, dict):
            # Both {"1": "necrosis"} and {"necrosis": 1} are in use.
            pairs = [(k, v) if isinstance(v, str) else (v, k) for k, v in labels.items()]
            return path, _numbered(path, pairs)
    return None


def _roots(folder: Path) -> list[Path]:
    """Return the dataset and the datasets in its derivatives."""
    return [folder, *sorted(path for path in folder.glob("derivatives/*") if path.is_dir())]


def _anat_folders(root: Path) -> Iterator[tuple[str, str | None, Path]]:
    """Yield subject, session and ``anat`` folder."""
    for subject in sorted(root.glob("sub-*")):
        for session in (None, *sorted(subject.glob("ses-*"))):
            anat = (session or subject) / "anat"
            if anat.is_dir():
                yield subject.name, session.name if session else None, anat


def _inherited(image: BidsImage, extension: str) -> Iterator[Path]:
    """Yield the files of an extension that apply to an image, the nearest and most specific first."""
    suffix, entities = image.name.suffix, image.name.entities.items()
    for folder in (image.path.parent, *image.path.parent.parents):
        names = {path: parse_name(path.name, (extension,)) for path in folder.glob(f"*{suffix}{extension}")}
        matches = [
            (len(name.entities), path)
            for path, name in names.items()
            if name is not None and name.suffix == suffix and name.entities.items() <= entities
        ]
        yield from (path for _, path in sorted(matches, reverse=True))
        if folder == image.root:
            return


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not valid JSON ({error})", "correct it, or remove it") from error
    if not isinstance(content, dict):
        raise InputError(path, "does not hold a JSON object", "correct it, or remove it")
    return content


def _table(path: Path) -> list[tuple[Any, str]]:
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", "give a table of tab-separated text") from error
    if not rows or not {"index", "name"} <= set(rows[0]):
        raise InputError(path, "lacks required columns", "give the columns index and name of BIDS")
    return [(row["index"], row["name"] or "") for row in rows]


def _numbered(path: Path, pairs: list[tuple[Any, str]]) -> dict[int, str]:
    labels = {}
    for value, name in pairs:
        try:
            labels[int(value)] = name.strip()
        except (TypeError, ValueError):
            raise InputError(path, f"'{value}' is not a label value", "give integers as values of labels") from None
    return labels
