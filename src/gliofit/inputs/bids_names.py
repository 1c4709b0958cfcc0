"""File names of BIDS: entities, suffix and extension, as in ``sub-01_ses-02_ce-gadolinium_T1w.nii.gz``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Extensions of images, the longest first.
_EXTENSIONS = (".nii.gz", ".nii")
_PAIR = re.compile(r"([a-z]+)-([0-9A-Za-z+]+)")
_SUFFIX = re.compile(r"[0-9A-Za-z]+")


@dataclass(frozen=True)
class BidsName:
    """A parsed file name.

    Parameters
    ----------
    entities
        Value by key in the order of the name, ``sub`` first.
    suffix
        Kind of image: ``T1w``, ``FLAIR``, ``dseg``.
    extension
        With its dot.
    """

    entities: Mapping[str, str]
    suffix: str
    extension: str

    @property
    def stem(self) -> str:
        """The name without extension."""
        return "_".join([*(f"{key}-{value}" for key, value in self.entities.items()), self.suffix])

    def __str__(self) -> str:
        """The file name."""
        return self.stem + self.extension


def parse_name(name: str, extensions: tuple[str, ...] = _EXTENSIONS) -> BidsName | None:
    """Parse a file name; None if it is not a BIDS name or has another extension."""
    extension = next((ending for ending in extensions if name.endswith(ending)), None)
    if extension is None:
        return None
    *pairs, suffix = name.removesuffix(extension).split("_")
    if not _SUFFIX.fullmatch(suffix):
        return None
    entities: dict[str, str] = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None or match[1] in entities:
            return None
        entities[match[1]] = match[2]
    return BidsName(entities, suffix, extension)


def bids_label(name: str) -> str:
    """Return the letters and digits of a name, the value of an entity.

    Names that differ only in other characters have the same label, so the names must be stored beside the labels.
    """
    return re.sub(r"[^0-9A-Za-z]", "", name)
