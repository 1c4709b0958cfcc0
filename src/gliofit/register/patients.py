"""Search for patients by file names and tables, and selection of a run's cohort; images are not opened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import check_scheme
from gliofit.inputs.bids_dataset import is_dataset
from gliofit.register.bids_patients import bids_patients
from gliofit.register.brats_folders import patients_below
from gliofit.register.naming import CONVENTIONS, check_case_name, phantom_file_names
from gliofit.register.patient_files import PatientFiles, Problem, Refused
from gliofit.register.settings import PatientsSettings, PhantomSettings
from gliofit.register.table import read_patients_table


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
    if settings.labels is not None:
        check_scheme(settings.labels, "patients.labels")
    if source.is_dir() and is_dataset(source):
        rows = bids_patients(source, settings.labels, settings.entities)
    elif source.is_dir():
        rows = patients_below(source, settings.labels)
    elif source.is_file():
        rows = read_patients_table(source, settings.labels)
    else:
        raise InputError(source, "not found", "give a folder of patients, a BIDS dataset or a table (.tsv, .csv)")
    return _select(rows, settings, source)


def find_cohort(settings: PatientsSettings, seed: int) -> tuple[list[PatientFiles], dict[str, str]]:
    """Select the patients of a run.

    Returns
    -------
    patients : list of PatientFiles
        Selected patients, sorted by case.
    left_out : dict
        Reason by case for the other patients, sorted by case.

    Raises
    ------
    InputError
        If an incomplete case has not been refused by a check, or the source itself cannot be used.
    """
    survey = survey_patients(settings)
    if survey.problems:
        raise survey.problems[0].error
    left_out = {row.case: f"refused: {row.message}" for row in survey.refused}
    left_out |= dict.fromkeys(survey.excluded, "excluded in the configuration")
    usable = [patient.case for patient in survey.patients]
    drawn = usable if settings.sample is None else draw_cases(usable, settings.sample, seed)
    left_out |= {patient.case: "not drawn" for patient in survey.patients if patient.case not in drawn}
    return [patient for patient in survey.patients if patient.case in drawn], dict(sorted(left_out.items()))


def draw_cases(cases: Iterable[str], count: int, seed: int) -> list[str]:
    """Draw up to ``count`` cases without replacement: the first by a hash of seed and name.

    The order of two cases is independent of the others, so an additional case replaces at most one.
    """
    return sorted(cases, key=lambda case: hashlib.sha256(f"{seed}:{case}".encode()).hexdigest())[:count]


def phantom_cases(settings: PhantomSettings) -> list[str]:
    """Return the names of the phantom patients."""
    return [f"phantom-{number:05d}" for number in range(settings.count)]


def phantom_files(case: str, folder: Path) -> PatientFiles:
    """Return the files that ``make_phantom`` writes into ``folder``."""
    names = phantom_file_names(check_case_name(case, "phantom"))
    return PatientFiles(case, labels=CONVENTIONS[0].labels, **{role: folder / name for role, name in names.items()})


def _select(rows: Sequence[PatientFiles | Problem | Refused], settings: PatientsSettings, source: Path) -> Survey:
    """Apply ``include`` and ``exclude``, and report repeated cases."""
    problems: list[Problem] = []

    def report(case: str, subject: str | Path, problem: str, hint: str) -> None:
        problems.append(Problem(case, InputError(subject, problem, hint)))

    for key, names in (("include", settings.include or ()), ("exclude", settings.exclude)):
        unknown = sorted(set(names) - {row.case for row in rows})
        if unknown:
            problem = f"names cases that are not in {source}: {', '.join(unknown)}"
            report(unknown[0], f"patients.{key}", problem, "check the names")
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
            other = spellings[row.case.lower()]
            problem = f"case {row.case} differs from case {other} only in capitals, which some file systems ignore"
            report(row.case, row.t1, problem, "give one of them another name in a patients table")
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
