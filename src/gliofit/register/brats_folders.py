"""Patients in folders with BraTS naming, by file names only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.register.naming import CONVENTIONS, NamingConvention, check_case_name, implied_scheme, match_file
from gliofit.register.patient_files import PatientFiles, Problem

_Group = tuple[Path, NamingConvention, str]


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


def patients_below(root: Path, labels: str | None) -> list[PatientFiles | Problem]:
    """List the patients in the folders below a root; raises InputError if there are none."""
    groups = _groups(sorted(_folders(root)))
    if not groups:
        raise InputError(root, "holds no images in BraTS naming", _naming_help())
    rows: list[PatientFiles | Problem] = []
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


def _naming_help() -> str:
    patterns = " or ".join(
        " ".join(f"CASE{ending}.nii.gz" for ending in convention.endings.values()) for convention in CONVENTIONS
    )
    return f"name files {patterns}, list them in a patients table, or give a BIDS dataset"
