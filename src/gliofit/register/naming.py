"""File-name conventions of BraTS releases and their label schemes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError

#: Roles of images. A T1 image and a segmentation are required, the others optional.
ROLES = ("t1", "t1c", "t2", "flair", "seg")

_CASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
#: The name is part of file names, which most file systems limit to 255 bytes.
_LONGEST_NAME = 100
_SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True, eq=False)
class NamingConvention:
    """File names of one BraTS release: ends before the suffix by role, and the label scheme of segmentations."""

    name: str
    endings: dict[str, str]
    labels: str


CONVENTIONS = (
    NamingConvention(
        "BraTS 2021", {"t1": "_t1", "t1c": "_t1ce", "t2": "_t2", "flair": "_flair", "seg": "_seg"}, "brats2021"
    ),
    NamingConvention(
        "BraTS 2023", {"t1": "-t1n", "t1c": "-t1c", "t2": "-t2w", "flair": "-t2f", "seg": "-seg"}, "brats2023"
    ),
)


#: Data sets of BraTS 2023 and later, by the word after ``BraTS-``, whose labels 1 to 3 are those of ``brats2023``:
#: gliomas before and after treatment, sub-Saharan Africa, metastases, meningioma, and all of them together. The value
#: 4, a resection cavity after treatment and in later metastases, is refused until the scheme is named. The pediatric
#: set (PED) has the same names in two releases with different labels.
_SAME_LABELS = frozenset({"GLI", "SSA", "MET", "MEN", "GOAT"})
_DATA_SET = re.compile(r"(?i)BraTS-([A-Za-z]+)-")
#: BraTS 2012 to 2016 had four labels; later converters gave those images the names of 2021.
_FOUR_LABELS = re.compile(r"(?i)brats[-_ ]?(?:20)?1[2-6](?![0-9])")


def implied_scheme(convention: NamingConvention, case: str, subject: str | Path) -> str:
    """Return the label scheme that the file names of a case imply; ``case`` is their part before the role.

    Raises
    ------
    InputError
        If the data set has the names of the convention but other labels (``labels-not-implied``).
    """
    if _FOUR_LABELS.match(case):
        raise InputError(
            subject,
            f"case {case} has the file names of {convention.name}, but BraTS 2012 to 2016 had other labels",
            "name the label scheme (--labels, patients.labels or column 'labels'): brats2015 for 1 necrotic, 2 oedema, "
            "3 non-enhancing and 4 enhancing tumour",
            "labels-not-implied",
        )
    data_set = _DATA_SET.match(case)
    if data_set is not None and convention.labels == "brats2023" and data_set[1].upper() not in _SAME_LABELS:
        raise InputError(
            subject,
            f"the file names of case {case} do not determine its labels: sets named BraTS-{data_set[1]} differ",
            "name the label scheme (--labels, patients.labels or column 'labels'): brats2024-ped for pediatric tumours "
            "of 2024 and later (1 enhancing, 2 non-enhancing, 3 cyst, 4 oedema), brats2023 for those of 2023",
            "labels-not-implied",
        )
    return convention.labels


def match_file(path: Path) -> tuple[NamingConvention, str, str] | None:
    """Return convention, case and role of a file by its name, or None if it follows no convention."""
    suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), None)
    if suffix is None or path.name.startswith("."):
        return None
    stem = path.name.removesuffix(suffix)
    for convention in CONVENTIONS:
        for role, ending in convention.endings.items():
            if stem.endswith(ending) and len(stem) > len(ending):
                return convention, stem.removesuffix(ending), role
    return None


def check_case_name(case: str, subject: str | Path) -> str:
    """Return the case name if it can be a folder name and a wildcard.

    Raises
    ------
    InputError
        If it has other characters than letters, digits, hyphens and underscores, or more than 100. Names are not
        replaced silently, because two cases could get the same name.
    """
    if not _CASE_NAME.fullmatch(case):
        suggestion = re.sub(r"[^A-Za-z0-9_-]+", "-", case).strip("-_") or "case-1"
        problem = f"case name '{case}' has characters other than letters, digits, hyphen and underscore"
        hint = f"rename the files or name the case in a patients table, for example '{suggestion}'"
        raise InputError(subject, problem, hint)
    if len(case) > _LONGEST_NAME:
        problem = f"case name '{case[:20]}...' has {len(case)} characters"
        raise InputError(subject, problem, f"name the case in a patients table with at most {_LONGEST_NAME}")
    return case


def phantom_file_names(case: str) -> dict[str, str]:
    """Return role -> file name of a phantom patient (BraTS 2021 naming)."""
    return {role: f"{case}{ending}.nii.gz" for role, ending in CONVENTIONS[0].endings.items()}
