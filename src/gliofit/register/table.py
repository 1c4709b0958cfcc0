"""Patients tables: one row per case, tab- or comma-separated text."""

from __future__ import annotations

import csv
import difflib
import os
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import LABEL_SCHEMES, check_scheme
from gliofit.register.brats_folders import patient_in_folder
from gliofit.register.naming import check_case_name
from gliofit.register.patient_files import PatientFiles, Problem, Refused

#: Columns of the user. ``case`` is required, and ``folder``, or ``seg`` and a T1 image (``t1``, ``t1c``).
COLUMNS = ("case", "folder", "t1", "t1c", "t2", "flair", "seg", "brain_mask", "labels")

#: Columns that a check adds: its result and the reason.
CHECK_COLUMNS = ("status", "message")

#: Results of a check; an empty cell means ``use``.
STATUSES = ("use", "refused")

_FILE_COLUMNS = ("t1", "t1c", "t2", "flair", "seg", "brain_mask")


def read_patients_table(path: Path, labels: str | None = None) -> list[PatientFiles | Problem | Refused]:
    """Read a patients table; relative paths start at the table's folder.

    A row gives a ``folder`` in BraTS naming, or single files, which have priority over those of a folder. The label
    scheme is the row's ``labels``, else the argument ``labels``, else the one that the folder's naming implies. Of a
    row that a check refused, only case and message are read.

    Raises
    ------
    InputError
        If the table itself is invalid: no header, unknown columns, no rows. An invalid row is a ``Problem``.
    """
    delimiter = "," if path.suffix == ".csv" else "\t"
    try:
        first, *others = list(csv.reader(_lines(path), delimiter=delimiter, strict=True)) or [[]]
    except csv.Error as error:
        raise InputError(path, f"is not a table ({error})", "give a table of tab-separated text (.tsv)") from error
    header = [name.strip() for name in first]
    _check_header(header, path, delimiter)
    rows: list[PatientFiles | Problem | Refused] = []
    for number, cells in enumerate(others, start=1):
        if not any(cell.strip() for cell in cells):
            continue
        subject = f"{path}, row {number}"
        values = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        case = values.get("case", "")
        try:
            if len(cells) > len(header):
                raise InputError(subject, f"has {len(cells)} cells under {len(header)} columns", "remove the rest")
            rows.append(_row({key: value for key, value in values.items() if value}, path, subject, labels))
        except InputError as error:
            rows.append(Problem(case, error))
    if not rows:
        raise InputError(path, "lists no patients", "add one row per case, or leave patients.source empty")
    return rows


def _lines(path: Path) -> list[str]:
    """Read the table's lines without comments; UTF-8, with or without a byte-order mark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is not a text table", "give a table of tab-separated text (.tsv)") from error
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _check_header(header: list[str], path: Path, delimiter: str) -> None:
    columns = (*COLUMNS, *CHECK_COLUMNS)
    if not header:
        raise InputError(path, "is empty", f"begin it with a line of column names: {' '.join(COLUMNS)}")
    if len(header) == 1 and any(other in header[0] for other in ",;\t"):
        separator = "commas" if delimiter == "," else "tabs"
        raise InputError(path, f"has one column, '{header[0][:40]}'", f"separate the columns by {separator}")
    for name in header:
        if name not in columns:
            near = difflib.get_close_matches(name.lower(), columns, 1, 0.6)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise InputError(path, f"has an unknown column '{name}'", f"{hint}columns are {', '.join(columns)}")
    if len(set(header)) < len(header):
        raise InputError(path, "names a column twice", "keep one of each")
    names = set(header)
    if "case" not in names or not ("folder" in names or ("seg" in names and names & {"t1", "t1c"})):
        raise InputError(path, "lacks required columns", "give the columns case, and folder or t1 and seg")


def _row(values: dict[str, str], path: Path, subject: str, labels: str | None) -> PatientFiles | Refused:
    if "case" not in values:
        raise InputError(subject, "has no case name", "fill in the column 'case'")
    status = values.get("status", "use")
    if status not in STATUSES:
        raise InputError(subject, f"unknown status '{status}'", f"name one of {', '.join(STATUSES)}")
    if status == "refused":
        return Refused(values["case"], values.get("message", "no reason given"))
    case = check_case_name(values["case"], subject)
    scheme = values.get("labels", labels)
    if scheme is not None:
        check_scheme(scheme, subject)
    files = {role: path.parent / values[role] for role in _FILE_COLUMNS if role in values}
    for role, file in files.items():
        # Unlike Path.is_file, this accepts names that no file can have.
        if not os.path.isfile(file):
            raise InputError(file, f"file not found ({role} of case {case})", f"correct the path in {path}")
    if "folder" in values:
        patient = patient_in_folder(path.parent / values["folder"], scheme, case)
        return PatientFiles(case, labels=patient.labels, **{**patient.images, **files})
    if "t1" not in files and "t1c" in files:
        files["t1"] = files["t1c"]
    missing = [role for role in ("t1", "seg") if role not in files]
    if missing:
        raise InputError(subject, f"case {case} has no {' and no '.join(missing)}", "fill in the file, or a folder")
    if scheme is None:
        problem = f"case {case} has no label scheme"
        raise InputError(subject, problem, f"fill in the column 'labels' with one of {', '.join(LABEL_SCHEMES)}")
    return PatientFiles(case, labels=scheme, **files)
