"""Table of plans, with patients and means over them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gliofit.report.names import method_name
from gliofit.report.table import Table, column

#: Columns of a plan's numbers.
PLAN_NUMBERS = (
    column("clinical_cc", "clinical", "cc", format=".1f"),
    column("personalised_cc", "personalised", "cc", format=".1f"),
    column("dice", "Dice", format=".3f"),
    column("clinical_only_cc", "clinical only", "cc", format=".1f"),
    column("personalised_only_cc", "personalised only", "cc", format=".1f"),
    column("surface_mean_mm", "surface distance, mean", "mm", format=".1f"),
    column("surface_95_mm", "surface distance, 95 %", "mm", format=".1f"),
    column("level", "concentration at border"),
    column("coverage_clinical", "recurrence covered, clinical", "%", factor=100, format=".1f"),
    column("coverage_personalised", "personalised", "%", factor=100, format=".1f"),
    column("coverage_clinical_all", "with oedema: clinical", "%", factor=100, format=".1f"),
    column("coverage_personalised_all", "with oedema: personalised", "%", factor=100, format=".1f"),
)

_NOTES = (
    "Research use only: these targets are not for treatment.",
    "Clinical: the brain within the margin around the tumour. Personalised: the voxels of highest tumour-cell "
    "concentration in the brain, with the volume of the clinical target.",
    "Surface distance: between the borders of the two targets; mean over both, and the larger of the two 95th "
    "percentiles.",
    "Recurrence covered: share of the follow-up's enhancing tumour in each target, then of its whole tumour with "
    "oedema. Patients without follow-up or without recurrence have no value and are not part of means. Differences "
    "smaller than the registration error of the follow-up are not meaningful.",
)


def summarise_plans(plans: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method and margin: ``cases``, ``failed``, ``with_recurrence`` and the mean of every number.

    Means exclude failed rows, and those of coverage also patients without a value.
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
    """Make the table of rows with ``PLAN_COLUMNS``: means per method and margin, then patients.

    ``names`` are printed names of methods that replace the default ones.
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
