"""Tables of plans: CSV with every number, Markdown with patients and with means over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.io import atomic_path
from gliofit.publish.names import method_name
from gliofit.publish.panel import Column

__all__ = ["PLAN_NUMBERS", "summarise_plans", "write_plan_tables"]

#: Numbers of a plan as tables print them.
PLAN_NUMBERS = (
    Column("clinical_cc", "clinical", "cc", better=None, decimals=1),
    Column("personalised_cc", "personalised", "cc", better=None, decimals=1),
    Column("dice", "Dice", better=None, decimals=3),
    Column("clinical_only_cc", "clinical only", "cc", better=None, decimals=1),
    Column("personalised_only_cc", "personalised only", "cc", better=None, decimals=1),
    Column("surface_mean_mm", "surfaces apart, mean", "mm", better=None, decimals=1),
    Column("surface_95_mm", "surfaces apart, 95 %", "mm", better=None, decimals=1),
    Column("level", "concentration at border", better=None),
    Column("coverage_clinical", "recurrence covered, clinical", "%", factor=100, better=None, decimals=1),
    Column("coverage_personalised", "personalised", "%", factor=100, better=None, decimals=1),
    Column("coverage_clinical_all", "oedema too: clinical", "%", factor=100, better=None, decimals=1),
    Column("coverage_personalised_all", "oedema too: personalised", "%", factor=100, better=None, decimals=1),
)

_NOTES = (
    "Research use only: no target here was made for treatment.",
    "Clinical: everything in the brain within the margin of the tumour. Personalised: the voxels of highest "
    "tumour-cell concentration in the brain, as many as the clinical target has.",
    "Surfaces apart: distances between the borders of the two targets; mean over both, and the larger of the two 95th "
    "percentiles.",
    "Recurrence covered: share of the voxels of the follow-up's enhancing tumour in each target; then of all its "
    "tumour, oedema too. Patients without a follow-up, or in whom nothing came back, have no number and enter no mean. "
    "A difference smaller than the error of registering the follow-up means nothing.",
)


def summarise_plans(plans: pd.DataFrame) -> pd.DataFrame:
    """One row per method and margin: ``cases``, ``failed``, ``with_recurrence`` and the mean of every number.

    Failed rows enter no mean; a coverage is the mean over those patients that have one.
    """
    rows = []
    for (method, margin), group in plans.groupby(["method", "margin_mm"], sort=False):
        good = group[group["status"] == "ok"]
        row = {"method": method, "margin_mm": margin, "cases": len(group), "failed": len(group) - len(good)}
        row["with_recurrence"] = int(good["coverage_clinical_all"].notna().sum())
        rows.append(row | {column.metric: float(good[column.metric].mean()) for column in PLAN_NUMBERS})
    names = ["method", "margin_mm", "cases", "failed", "with_recurrence", *(column.metric for column in PLAN_NUMBERS)]
    return pd.DataFrame(rows, columns=names)


def write_plan_tables(plans: pd.DataFrame, out_dir: str | Path, names: Mapping[str, str] | None = None) -> None:
    """Write ``plan.csv`` (all rows and columns) and ``plan.md`` (patients, and means per method and margin).

    Parameters
    ----------
    plans
        Rows with ``PLAN_COLUMNS``.
    out_dir
        Folder to write to.
    names
        Printed names of methods where they differ from the usual ones.
    """
    with atomic_path(Path(out_dir) / "plan.csv") as temporary:
        plans.to_csv(temporary, index=False, float_format="%.6g")
    means = summarise_plans(plans)
    counts = ["cases", "failed", "with_recurrence"]
    parts = [
        "# Target volumes",
        "## Means over patients",
        _pipe_table(
            means.assign(method=[method_name(method, names) for method in means["method"]]),
            ["method", "margin_mm", *counts],
            ["method", "margin (mm)", "cases", "failed", "with recurrence"],
        ),
        "## Patients",
        _pipe_table(
            plans.assign(method=[method_name(method, names) for method in plans["method"]]),
            ["case", "method", "margin_mm", "status"],
            ["case", "method", "margin (mm)", "status"],
        ),
    ]
    remarks = [
        f"- {row.case}, {method_name(row.method, names)}, {row.margin_mm:g} mm: {row.message}"
        for row in plans.itertuples()
        if row.message
    ]
    if remarks:
        parts += ["## Remarks", "\n".join(remarks)]
    parts.append("\n".join(f"- {note}" for note in _NOTES))
    with atomic_path(Path(out_dir) / "plan.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n")


def _pipe_table(table: pd.DataFrame, labels: Sequence[str], headings: Sequence[str]) -> str:
    lines = ["| " + " | ".join([*headings, *(column.heading for column in PLAN_NUMBERS)]) + " |"]
    lines.append("|" + " --- |" * len(labels) + " ---: |" * len(PLAN_NUMBERS))
    for _, row in table.iterrows():
        cells = [f"{row[name]:g}" if isinstance(row[name], (float, np.floating)) else str(row[name]) for name in labels]
        cells += [column.text(float(row[column.metric])) for column in PLAN_NUMBERS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
