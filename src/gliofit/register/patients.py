"""Finding patients: from file names and tables alone, no image is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import LABEL_SCHEMES
from gliofit.inputs.bids_dataset import is_dataset
from gliofit.register.bids_patients import bids_patients
from gliofit.register.brats_folders import patients_below
from gliofit.register.naming import CONVENTIONS, check_case_name, phantom_file_names
from gliofit.register.patient_files import PatientFiles, Problem, Refused
from gliofit.register.settings import PatientsSettings, PhantomSettings
from gliofit.register.table import read_patients_table

__all__ = ["Survey", "phantom_cases", "phantom_files", "survey_patients"]


@dataclass(frozen=True)
class Survey:
    """What there is in a source of patients.

    Parameters
    ----------
    patients
        Complete cases, sorted by name.
    problems
        What is wrong with the others.
    excluded
        Cases that the settings leave out.
    refused
        Cases that an earlier check refused, among those that the settings ask for.
    """

    patients: list[PatientFiles]
    problems: list[Problem]
    excluded: list[str]
    refused: list[Refused]


def survey_patients(settings: PatientsSettings) -> Survey:
    """Complete cases, and what is wrong with the others, so that a check can name all problems at once."""
    if settings.source is None:
        return Survey([], [], [], [])
    source = Path(settings.source)
    rows: Sequence[PatientFiles | Problem | Refused]
    if settings.labels is not None and settings.labels not in LABEL_SCHEMES:
        raise InputError(
            "patients.labels", f"unknown label scheme '{settings.labels}'", f"name one of {', '.join(LABEL_SCHEMES)}"
        )
    if source.is_dir() and is_dataset(source):
        rows = bids_patients(source, settings.labels, settings.entities)
    elif source.is_dir():
        rows = patients_below(source, settings.labels)
    elif source.is_file():
        rows = read_patients_table(source, settings.labels)
    else:
        raise InputError(source, "not found", "give a folder of patients, a BIDS dataset or a table (.tsv, .csv)")
    return _select(rows, settings, source)


def phantom_cases(settings: PhantomSettings) -> list[str]:
    """Names of the phantom patients."""
    return [f"phantom-{number:05d}" for number in range(settings.count)]


def phantom_files(case: str, folder: Path) -> PatientFiles:
    """Files that ``make_phantom`` writes into ``folder`` (whether or not they are there yet)."""
    names = phantom_file_names(check_case_name(case, "phantom"))
    return PatientFiles(case, labels=CONVENTIONS[0].labels, **{role: folder / name for role, name in names.items()})


def _select(rows: Sequence[PatientFiles | Problem | Refused], settings: PatientsSettings, source: Path) -> Survey:
    """Apply ``include`` and ``exclude``, and refuse doubles."""
    there = {row.case for row in rows}
    problems: list[Problem] = []
    for key, names in (("include", settings.include or ()), ("exclude", settings.exclude)):
        strange = sorted(set(names) - there)
        if strange:
            error = InputError(
                f"patients.{key}", f"names cases that are not in {source}: {', '.join(strange)}", "check the names"
            )
            problems.append(Problem(strange[0], error))
    kept: dict[str, PatientFiles] = {}
    spelt: dict[str, str] = {}
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
        elif row.case in kept:
            error = InputError(
                row.t1, f"case {row.case} is there twice (also {kept[row.case].t1})", "give each case its own name"
            )
            problems.append(Problem(row.case, error))
        elif row.case.lower() in spelt:
            error = InputError(
                row.t1,
                f"case {row.case} differs from case {spelt[row.case.lower()]} in capitals only, and some file systems "
                "take their folders for one",
                "give one of them another name in a patients table",
            )
            problems.append(Problem(row.case, error))
        else:
            kept[row.case] = row
            spelt[row.case.lower()] = row.case
    for row in refused:
        if row.case in kept:
            error = InputError(source, f"case {row.case} is there twice, once refused", "keep one of the two")
            problems.append(Problem(row.case, error))
    if not kept and not problems:
        hint = "check patients.include and patients.exclude"
        if refused:
            hint = f"{len(refused)} refused by the check, the first ({refused[0].case}): {refused[0].message}"
        problems.append(Problem("", InputError(source, "no patient is left", hint)))
    return Survey([kept[case] for case in sorted(kept)], problems, sorted(excluded), refused)
