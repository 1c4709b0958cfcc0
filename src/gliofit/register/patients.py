"""Search for patients by file names and tables; images are not opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import LABEL_SCHEMES
from gliofit.inputs.bids_dataset import is_dataset
from gliofit.register.naming import (
    CONVENTIONS,
    ROLES,
    NamingConvention,
    check_case_name,
    implied_scheme,
    match_file,
    phantom_file_names,
)
from gliofit.register.settings import PatientsSettings, PhantomSettings

__all__ = [
    "PatientFiles", "Problem", "Refused", "Survey", "patient_in_folder", "phantom_cases", "phantom_files",
    "survey_patients",
]  # fmt: skip


@dataclass(frozen=True)
class PatientFiles:
    """Files of one patient, and the label scheme of the segmentation.

    Parameters
    ----------
    case
        Name of the case: letters, digits, hyphen, underscore.
    t1
        Skull-stripped native T1 image; its grid is the patient's grid. The contrast-enhanced image replaces a missing
        one (some BraTS 2015 cases).
    seg
        Tumour segmentation.
    labels
        Label scheme of the segmentation, a key of ``LABEL_SCHEMES``.
    t1c, t2, flair
        Optional images, used by checks only.
    brain_mask
        Brain mask, for images whose background is not zero. By default the brain is the non-zero part of T1.
    """

    case: str
    t1: Path
    seg: Path
    labels: str
    t1c: Path | None = None
    t2: Path | None = None
    flair: Path | None = None
    brain_mask: Path | None = None

    @property
    def images(self) -> dict[str, Path]:
        """Role -> file, for every file of the case."""
        roles = (*ROLES, "brain_mask")
        return {role: path for role in roles if (path := getattr(self, role)) is not None}

    @property
    def paths(self) -> list[Path]:
        """All files of the case, T1 first."""
        return list(self.images.values())

    @property
    def has_native_t1(self) -> bool:
        """Whether ``t1`` is a native T1 image and not the contrast-enhanced one."""
        return self.t1 != self.t1c


@dataclass(frozen=True)
class Problem:
    """A case that cannot be used."""

    case: str
    error: InputError


@dataclass(frozen=True)
class Refused:
    """A case that an earlier check refused."""

    case: str
    message: str


@dataclass(frozen=True)
class Survey:
    """Cases of a source: complete (sorted by name), unusable, excluded by the settings, and refused by a check."""

    patients: list[PatientFiles]
    problems: list[Problem]
    excluded: list[str]
    refused: list[Refused]


def survey_patients(settings: PatientsSettings) -> Survey:
    """List the complete cases, and the errors of all others."""
    if settings.source is None:
        return Survey([], [], [], [])
    source = Path(settings.source)
    rows: Sequence[PatientFiles | Problem | Refused]
    if settings.labels is not None and settings.labels not in LABEL_SCHEMES:
        raise InputError(
            "patients.labels", f"unknown label scheme '{settings.labels}'", f"name one of {', '.join(LABEL_SCHEMES)}"
        )
    if source.is_dir() and is_dataset(source):
        from gliofit.register.bids_patients import bids_patients

        rows = bids_patients(source, settings.labels, settings.entities)
    elif source.is_dir():
        rows = _tree(source, settings.labels)
    elif source.is_file():
        from gliofit.register.table import read_patients_table

        rows = read_patients_table(source, settings.labels)
    else:
        raise InputError(source, "not found", "give a folder of patients, a BIDS dataset or a table (.tsv, .csv)")
    return _select(rows, settings, source)


def patient_in_folder(folder: Path, labels: str | None, case: str) -> PatientFiles:
    """Return the files of the only patient in a folder (not in its subfolders), with the given case name.

    Raises
    ------
    InputError
        If the folder holds no case or several, or the case lacks a file.
    """
    if not os.path.isdir(folder):
        raise InputError(folder, f"folder of case {case} not found", "check the path in the patients table")
    groups = _groups([(folder, sorted(path.name for path in folder.iterdir() if not path.is_dir()))])
    if not groups:
        raise InputError(folder, "holds no images in BraTS naming", _naming_help())
    if len(groups) > 1:
        names = ", ".join(sorted(prefix for _, _, prefix in groups))
        raise InputError(folder, f"holds images of several cases ({names})", "name the files in the table")
    ((_, convention, prefix), files), *_ = groups.items()
    return _patient(folder, convention, prefix, files, labels, case)


def phantom_cases(settings: PhantomSettings) -> list[str]:
    """Return the names of the phantom patients."""
    return [f"phantom-{number:05d}" for number in range(settings.count)]


def phantom_files(case: str, folder: Path) -> PatientFiles:
    """Return the files that ``make_phantom`` writes into ``folder``."""
    names = phantom_file_names(check_case_name(case, "phantom"))
    return PatientFiles(case, labels=CONVENTIONS[0].labels, **{role: folder / name for role, name in names.items()})


_Group = tuple[Path, NamingConvention, str]


def _tree(root: Path, labels: str | None) -> list[PatientFiles | Problem | Refused]:
    groups = _groups(sorted(_folders(root)))
    if not groups:
        raise InputError(root, "holds no images in BraTS naming", _naming_help())
    rows: list[PatientFiles | Problem | Refused] = []
    for (folder, convention, prefix), files in groups.items():
        try:
            rows.append(_patient(folder, convention, prefix, files, labels, prefix))
        except InputError as error:
            rows.append(Problem(prefix, error))
    return rows


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield every folder below a root with its file names; each once, because links may form a cycle."""
    visited: set[Path] = set()
    for name, subfolders, files in os.walk(root, followlinks=True):
        real = Path(name).resolve()
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders.sort()
        yield Path(name), sorted(files)


def _groups(folders: Iterable[tuple[Path, list[str]]]) -> dict[_Group, dict[str, list[Path]]]:
    """Group files by case and role; a case is one prefix in one convention in one folder."""
    groups: dict[_Group, dict[str, list[Path]]] = {}
    for folder, names in folders:
        for name in names:
            match = match_file(folder / name)
            if match is not None:
                convention, prefix, role = match
                groups.setdefault((folder, convention, prefix), {}).setdefault(role, []).append(folder / name)
    return groups


def _patient(
    folder: Path, convention: NamingConvention, prefix: str, files: dict[str, list[Path]], labels: str | None, case: str
) -> PatientFiles:
    check_case_name(case, folder)
    for role, paths in files.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise InputError(folder, f"holds the {role} image of case {case} twice ({names})", "keep one of the two")
    if "t1" not in files and "t1c" in files:
        files = {"t1": files["t1c"], **files}
    for role, what, missing in (
        ("t1", "native T1 image", "the file or a contrast-enhanced T1"), ("seg", "segmentation", "the file"),
    ):  # fmt: skip
        if role not in files:
            problem = f"file not found ({what} of case {case} in {convention.name} naming)"
            hint = f"add {missing}, or exclude the case (patients.exclude: [{case}])"
            raise InputError(folder / f"{prefix}{convention.endings[role]}.nii.gz", problem, hint)
    scheme = labels or implied_scheme(convention, prefix, files["seg"][0])
    return PatientFiles(case, labels=scheme, **{role: paths[0] for role, paths in files.items()})


def _select(rows: Sequence[PatientFiles | Problem | Refused], settings: PatientsSettings, source: Path) -> Survey:
    """Apply ``include`` and ``exclude``, and report repeated cases."""
    problems: list[Problem] = []

    def report(case: str, subject: str | Path, problem: str, hint: str) -> None:
        problems.append(Problem(case, InputError(subject, problem, hint)))

    for key, names in (("include", settings.include or ()), ("exclude", settings.exclude)):
        unknown = sorted(set(names) - {row.case for row in rows})
        if unknown:
            report(
                unknown[0],
                f"patients.{key}",
                f"names cases that are not in {source}: {', '.join(unknown)}",
                "check the names",
            )
    patients: dict[str, PatientFiles] = {}
    spellings: dict[str, str] = {}
    excluded: set[str] = set()
    refused: list[Refused] = []
    for row in rows:
        if settings.include is not None and row.case not in settings.include:
            continue
        if row.case in settings.exclude:
            excluded.add(row.case)
        elif isinstance(row, Problem):
            problems.append(row)
        elif isinstance(row, Refused):
            refused.append(row)
        elif row.case in patients:
            problem = f"case {row.case} appears twice (also {patients[row.case].t1})"
            report(row.case, row.t1, problem, "give each case a different name")
        elif row.case.lower() in spellings:
            report(
                row.case,
                row.t1,
                f"case {row.case} differs from case {spellings[row.case.lower()]} only in capitals, which some file "
                "systems do not distinguish",
                "give one of them another name in a patients table",
            )
        else:
            patients[row.case] = row
            spellings[row.case.lower()] = row.case
    for row in refused:
        if row.case in patients:
            report(row.case, source, f"case {row.case} appears twice, once refused", "keep one of the two")
    if not patients and not problems:
        hint = "check patients.include and patients.exclude"
        if refused:
            hint = f"{len(refused)} refused by the check, the first ({refused[0].case}): {refused[0].message}"
        report("", source, "no patient is left", hint)
    return Survey([patients[case] for case in sorted(patients)], problems, sorted(excluded), refused)


def _naming_help() -> str:
    patterns = " or ".join(
        " ".join(f"CASE{ending}.nii.gz" for ending in convention.endings.values()) for convention in CONVENTIONS
    )
    return f"name files {patterns}, list them in a patients table, or give a BIDS dataset"
