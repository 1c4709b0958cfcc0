"""What Gauss-Newton adds to the methods whose estimates it refines, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.io import atomic_path, read_table
from gliofit.publish.names import method_name
from gliofit.publish.notes import case_notes, failure_notes, patient_count
from gliofit.publish.numbers import MISSING
from gliofit.publish.panel import Cell, Column, Line, Panel, to_html, to_latex_table, to_markdown
from gliofit.publish.settings import PublishSettings

__all__ = ["compare_refinements", "write_refinement"]

_COLUMNS = (
    Column("mse_volume", "MSE"),
    Column("ncc_volume", "NCC", better="high", decimals=4),
    Column("mu_d_relative_error", "Diffusion μ_D", "%", factor=100),
    Column("mu_rho_relative_error", "Growth μ_ρ", "%", factor=100),
    Column("origin_error_mm", "Origin", "mm"),
    Column("dice_whole_033", "Dice, whole ≥ 0.33", power=-2, better="high", decimals=1),
    Column("wall_seconds", "Inversion", "s", better=None),
)

_TITLES = {"synthetic": "Synthetic cases, against the truth", "patients": "Patients, against the reference method"}

_NOTES = (
    "Each pair is a method and Gauss-Newton started at its estimate, on the cases where both have one: means, and how "
    "many cases came out better. The time of the refined line is that of both together.",
    "Whole volume: the average over the paper’s 240 × 240 × 155 mm.",
    "On synthetic cases that were grown by the solver that the refinement fits with, it can reach the oracle; "
    "docs/study.md says how much is left where model and data differ.",
)


def compare_refinements(metrics: pd.DataFrame, pairs: Mapping[str, str]) -> pd.DataFrame:
    """Scores before and after.

    Parameters
    ----------
    metrics
        The evaluate stage's ``metrics`` table of a cohort.
    pairs
        Refining method to the method it refines.

    Returns
    -------
    One row per pair and metric: ``method refines metric n before after better``, means over the n cases that have the
    metric before and after, and the number of cases where it came out better (missing for the time, which adds up).
    """
    rows: list[dict[str, Any]] = []
    tables = {str(name): part.set_index("case") for name, part in metrics.groupby("method")}
    for method, start in pairs.items():
        if method not in tables or start not in tables:
            continue
        for column in _COLUMNS:
            both = pd.DataFrame({"before": tables[start][column.metric], "after": tables[method][column.metric]})
            both = both.dropna()
            gain = both["before"] - both["after"] if column.better == "low" else both["after"] - both["before"]
            better = float(np.count_nonzero(gain > 0))
            if column.metric == "wall_seconds":
                both["after"] += both["before"]
                better = float("nan")
            means = both.mean() if len(both) else {"before": np.nan, "after": np.nan}
            rows.append(
                {"method": method, "refines": start, "metric": column.metric, "n": len(both), "before": means["before"],
                 "after": means["after"], "better": better if len(both) else float("nan")}
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "refines", "metric", "n", "before", "after", "better"])


def write_refinement(
    evaluations: Mapping[str, str | Path], pairs: Mapping[str, str], out_dir: str | Path, settings: PublishSettings
) -> None:
    """Write ``refinement`` as ``.csv``, ``.md``, ``.tex`` and ``.html``.

    Parameters
    ----------
    evaluations
        Cohort to its ``evaluate/{cohort}`` folder with ``metrics.parquet`` and, of patients, ``cases.parquet``.
    pairs
        Refining method to the method it refines.
    out_dir
        Folder for the four files.
    settings
        Names of methods.
    """
    tables, panels, notes = [], [], [*_NOTES]
    for cohort, folder in evaluations.items():
        metrics = read_table(Path(folder) / "metrics.parquet")
        table = compare_refinements(metrics, pairs)
        if cohort == "patients":
            cases = read_table(Path(folder) / "cases.parquet")
            compared = metrics[metrics["method"].isin({*pairs, *pairs.values()})]
            notes += [f"Patients: {patient_count(cases)}.", *case_notes(cases), *failure_notes(compared, settings)]
        table.insert(0, "cohort", cohort)
        tables.append(table)
        panels.append(_panel(_TITLES[cohort], table, settings))
    heading, out = "Refinement. What Gauss-Newton adds to an estimate", Path(out_dir)
    texts = {
        "md": to_markdown(heading, panels, notes),
        "tex": to_latex_table(heading, panels, notes, "refinement"),
        "html": to_html(heading, panels, notes),
        "csv": pd.concat(tables, ignore_index=True).to_csv(index=False, float_format="%.6g"),
    }
    for suffix, text in texts.items():
        with atomic_path(out / f"refinement.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _panel(title: str, table: pd.DataFrame, settings: PublishSettings) -> Panel:
    """Two lines per pair, and a third with the cases that came out better."""
    columns = [column for column in _COLUMNS if table.loc[table["metric"] == column.metric, "n"].sum() > 0]
    groups = []
    for (method, start), part in table.groupby(["method", "refines"], sort=False):
        found = part.set_index("metric")
        n = str(int(found["n"].max()))
        before, after, better = [], [], []
        for column in columns:
            row = found.loc[column.metric]
            before.append(Cell(column.text(float(row["before"]))))
            after.append(Cell(column.text(float(row["after"]))))
            better.append(Cell(MISSING if np.isnan(row["better"]) else f"{int(row['better'])} of {int(row['n'])}"))
        name = method_name(str(start), settings.method_names)
        groups.append(
            [
                Line(name, "as it is", n, "", before),
                Line(method_name(str(method), settings.method_names), "refined", n, "", after),
                Line("", "better in", "", "", better),
            ]
        )
    return Panel(title, columns, groups)
