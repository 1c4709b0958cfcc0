"""What lies where in a BIDS dataset. Imports nothing heavy, because the workflow asks whenever Snakemake starts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError
from gliofit.inputs.bids_names import BidsName, parse_name

__all__ = ["DESCRIPTION", "BidsImage", "anatomical_images", "is_dataset", "read_description", "read_lookup"]

#: File that every dataset must have, and that copies of parts of one often lack.
DESCRIPTION = "dataset_description.json"

#: What a segmentation's sidecar calls its labels, where there is no table; the specification knows the table alone.
_LABEL_KEY = "LabelMap"


@dataclass(frozen=True)
class BidsImage:
    """An image in an ``anat`` folder.

    Parameters
    ----------
    path
        Where it lies.
    name
        Its name, taken apart.
    root
        Folder of the dataset that it belongs to: the one asked for, or one of its ``derivatives``.
    """

    path: Path
    name: BidsName
    root: Path


def is_dataset(folder: Path) -> bool:
    """Whether a folder has subjects in BIDS' layout, itself or in its derivatives; a description is not asked for."""
    return any(next(_anat_folders(root), None) is not None for root in _roots(folder))


def read_description(folder: Path) -> dict[str, Any] | None:
    """Content of ``dataset_description.json``, or None where there is none.

    Raises
    ------
    InputError
        If it is no JSON object, lacks ``Name`` or ``BIDSVersion``, or is of another version than 1.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    content = _read_object(path)
    for key in ("Name", "BIDSVersion"):
        if not isinstance(content.get(key), str):
            raise InputError(path, f"has no text '{key}'", "fill it in, as every BIDS dataset must")
    if content["BIDSVersion"].partition(".")[0].removeprefix("v") != "1":
        raise InputError(path, f"is of BIDS version {content['BIDSVersion']}", "gliofit reads version 1 of BIDS")
    return content


def anatomical_images(folder: Path) -> dict[tuple[str, str | None], list[BidsImage]]:
    """Images of each subject and session, in the dataset and in every one of its derivatives.

    Returns
    -------
    ``(sub-<label>, ses-<label> or None)`` to images sorted by path. Files whose names are none of BIDS are left out.
    """
    found: dict[tuple[str, str | None], list[BidsImage]] = {}
    for root in _roots(folder):
        for subject, session, anat in _anat_folders(root):
            images = found.setdefault((subject, session), [])
            for path in sorted(anat.iterdir()):
                name = parse_name(path.name)
                if name is not None and f"sub-{name.entities.get('sub')}" == subject:
                    images.append(BidsImage(path, name, root))
    return found


def read_lookup(image: BidsImage) -> tuple[Path, dict[int, str]] | None:
    """Names of a segmentation's labels, with the file that tells them.

    The nearest table (``index name ...``) that holds for the image counts, else ``LabelMap`` of its nearest sidecar.
    A file holds for an image if it has the same suffix and no entity that the image has not (the inheritance principle
    of BIDS), and lies beside the image or above it.

    Returns
    -------
    Value of a label to its name, and the file; None where there is neither.

    Raises
    ------
    InputError
        If the file cannot be read, or a value is no whole number.
    """
    for path in _inherited(image, ".tsv"):
        return path, _numbered(path, _table(path))
    for path in _inherited(image, ".json"):
        labels = _read_object(path).get(_LABEL_KEY)
        if isinstance(labels, dict):
            # Some write {"1": "necrosis"}, some {"necrosis": 1}.
            pairs = [(k, v) if isinstance(v, str) else (v, k) for k, v in labels.items()]
            return path, _numbered(path, pairs)
    return None


def _roots(folder: Path) -> list[Path]:
    """The dataset, and the datasets in its derivatives."""
    derivatives = folder / "derivatives"
    below = sorted(path for path in derivatives.iterdir() if path.is_dir()) if derivatives.is_dir() else []
    return [folder, *below]


def _anat_folders(root: Path) -> Iterator[tuple[str, str | None, Path]]:
    """Subject, session and ``anat`` folder of everybody in a dataset."""
    for subject in sorted(root.glob("sub-*")):
        if (subject / "anat").is_dir():
            yield subject.name, None, subject / "anat"
        for session in sorted(subject.glob("ses-*")):
            if (session / "anat").is_dir():
                yield subject.name, session.name, session / "anat"


def _inherited(image: BidsImage, extension: str) -> Iterator[Path]:
    """Files of an extension that hold for an image, the nearest and most special first."""
    own = image.name
    for folder in (image.path.parent, *image.path.parent.parents):
        matches = []
        for path in sorted(folder.glob(f"*{own.suffix}{extension}")):
            name = parse_name(path.name, (extension,))
            if name is not None and name.suffix == own.suffix and name.entities.items() <= own.entities.items():
                matches.append((len(name.entities), path))
        yield from (path for _, path in sorted(matches, reverse=True))
        if folder == image.root:
            return


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not valid JSON ({error})", "correct it, or take it away") from error
    if not isinstance(content, dict):
        raise InputError(path, "holds no JSON object", "correct it, or take it away")
    return content


def _table(path: Path) -> list[tuple[Any, str]]:
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", "give a table of tab-separated text") from error
    if not rows or not {"index", "name"} <= set(rows[0]):
        raise InputError(path, "lacks needed columns", "give the columns index and name, as BIDS has them")
    return [(row["index"], row["name"] or "") for row in rows]


def _numbered(path: Path, pairs: list[tuple[Any, str]]) -> dict[int, str]:
    labels = {}
    for value, name in pairs:
        try:
            labels[int(value)] = name.strip()
        except (TypeError, ValueError):
            raise InputError(path, f"'{value}' is no label value", "give whole numbers as values of labels") from None
    return labels
