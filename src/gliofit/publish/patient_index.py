"""List of all patients of a run, with links to their pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.io import read_table
from gliofit.publish.patient_record import RESEARCH, choose_method
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING
from gliofit.report.page import Page
from gliofit.report.table import Cell, Grid

INDEX_HEADINGS = (
    "Patient", "Whole tumour (cc)", "Core (cc)", "Registration", "Method", "Dice, whole at 0.33", "Dice, core at 0.60",
    "Status",
)  # fmt: skip


def write_patient_index(
    checks: Mapping[str, Path], metrics: str | Path, path: str | Path, settings: PublishSettings, run: str
) -> None:
    """Write the list of patients; the pages lie beside it as ``{case}.html``.

    Parameters
    ----------
    checks
        Patient to the ``qc.parquet`` of the registration.
    metrics
        ``metrics.parquet`` of the cohort.
    path, run
        HTML file to write, and name of the run.
    settings
        Preferred method and printed names.
    """
    rows = index_rows(checks, metrics, settings)
    page = Page(f"Patients, run {run}")
    page.heading("Patients", 1)
    page.paragraph(f"Run {run}, {len(rows)} patients. {RESEARCH}")
    page.grid(Grid.of(INDEX_HEADINGS, rows))
    page.paragraph(index_note(settings))
    page.write(path)


def index_note(settings: PublishSettings) -> str:
    """Return a note on which method's Dice the list shows."""
    wanted = method_name(settings.preferred_method, settings.method_names)
    return (
        f"Dice is that of the preferred method, {wanted}; if it failed or is missing, that of the first successful "
        "method."
    )


def index_rows(checks: Mapping[str, Path], metrics: str | Path, settings: PublishSettings) -> list[list[Cell]]:
    """Return one row per patient, in the order of ``INDEX_HEADINGS``; parameters as in ``write_patient_index``.

    Raises
    ------
    InputError
        If a table is missing, or the metrics lack a patient.
    """
    table = read_table(metrics)
    rows = []
    for case, file in checks.items():
        scores = table[table["case"] == case].set_index("method")
        if scores.empty:
            raise InputError(metrics, f"has no row of patient '{case}'", "evaluate the cohort again")
        check = read_table(file).iloc[0]
        statuses = {str(method): str(status) for method, status in scores["status"].items()}
        chosen = choose_method(statuses, settings.preferred_method)
        name, status, dice = MISSING, "every method failed", [math.nan, math.nan]
        if chosen is not None:
            name, status = method_name(chosen, settings.method_names), statuses[chosen]
            dice = [float(scores.loc[chosen, metric]) for metric in ("dice_whole_033", "dice_core_060")]
        rows.append(
            [
                Cell(case, link=f"{case}.html"),
                *(Cell(f"{check[volume]:.1f}", value=check[volume]) for volume in ("tumour_cc", "core_cc")),
                Cell(str(check["status"]), str(check["message"]), words=True),
                Cell(name, words=True),
                *(Cell(f"{value:.2f}", value=value) if math.isfinite(value) else Cell(MISSING) for value in dice),
                Cell(status, words=True),
            ]
        )
    return rows
