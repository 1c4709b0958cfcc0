"""Table of plans: CSV with every number, Markdown with patients and with means over them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gliofit.report.names import method_name
from gliofit.report.table import Table, column

__all__ = ["PLAN_NUMBERS", "plan_table", "summarise_plans"]

#: Numbers of a plan as tables print them.
PLAN_NUMBERS = (
    column("clinical_cc", "clinical", "cc", format=".1f"),
    column("personalised_cc", "personalised", "cc", format=".1f"),
    column("dice", "Dice", format=".3f"),
    column("clinical_only_cc", "clinical only", "cc", format=".1f"),
    column("personalised_only_cc", "personalised only", "cc", format=".1f"),
    column("surface_mean_mm", "surfaces apart, mean", "mm", format=".1f"),
    column("surface_95_mm", "surfaces apart, 95 %", "mm", format=".1f"),
    column("level", "concentration at border"),
    column("coverage_clinical", "recurrence covered, clinical", "%", factor=100, format=".1f"),
    column("coverage_personalised", "personalised", "%", factor=100, format=".1f"),
    column("coverage_clinical_all", "oedema too: clinical", "%", factor=100, format=".1f"),
    column("coverage_personalised_all", "oedema too: personalised", "%", factor=100, format=".1f"),
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
        rows.append(row | {column.name: float(good[column.name].mean()) for column in PLAN_NUMBERS})
    names = ["method", "margin_mm", "cases", "failed", "with_recurrence", *(column.name for column in PLAN_NUMBERS)]
    return pd.DataFrame(rows, columns=names)


def plan_table(plans: pd.DataFrame, names: Mapping[str, str] | None = None) -> Table:
    """Make the table of plans: means per method and margin, then patients.

    Parameters
    ----------
    plans
        Rows with ``PLAN_COLUMNS``.
    names
        Printed names of methods where they differ from the usual ones.
    """
    means, named = (
        frame.assign(method=[method_name(method, names) for method in frame["method"]])
        for frame in (summarise_plans(plans), plans)
    )
    margin = column("margin_mm", "margin", "mm", format="g")
    counts = [column(name, name.replace("_", " "), format=".0f") for name in ("cases", "failed", "with_recurrence")]
    remarks = (
        f"{row.case}, {row.method}, {row.margin_mm:g} mm: {row.message}" for row in named.itertuples() if row.message
    )
    return Table(
        "Target volumes", plans, (), footnotes=(*remarks, *_NOTES),
        panels=(
            Table("Means over patients", means, (column("method", "method"), margin, *counts, *PLAN_NUMBERS)),
            Table("Patients", named, (
                column("case", "case"), column("method", "method"), margin, column("status", "status"), *PLAN_NUMBERS
            )),
        ),
    )  # fmt: skip
