"""Patients table with the results of a check, as input of the workflow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from gliofit.core.io import atomic_path
from gliofit.register.check import CheckedCase
from gliofit.register.table import CHECK_COLUMNS, COLUMNS

_COLUMNS = (*(name for name in COLUMNS if name != "folder"), *CHECK_COLUMNS)


def write_cohort_table(path: Path, cases: Iterable[CheckedCase]) -> None:
    """Write one row per case with its files, ``status`` (use or refused) and ``message`` (the reason).

    Paths below the table's folder are relative to it, others absolute. An identical table is not written again.
    Findings without a case have no row.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, delimiter="," if path.suffix == ".csv" else "\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(case, path.parent.absolute()) for case in cases if case.case)
    text = out.getvalue()
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _row(case: CheckedCase, folder: Path) -> dict[str, str]:
    row = {"case": case.case, "status": "use"}
    if case.patient is not None:
        files = {role: path.absolute() for role, path in case.patient.images.items()}
        if not case.patient.has_native_t1:
            del files["t1"]
        row["labels"] = case.patient.labels
        for role, path in files.items():
            row[role] = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    if case.error is not None:
        message = f"{case.error.file}: {case.error.problem}; {case.error.hint}"
        row |= {"status": "refused", "message": " ".join(message.split())}
    return row
