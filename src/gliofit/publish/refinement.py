"""Scores of estimates before and after refinement by Gauss-Newton."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.core.io import read_table
from gliofit.growth.model import parameters_in
from gliofit.publish.captions import CAPTIONS
from gliofit.publish.notes import case_notes, failure_notes, patient_count
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name
from gliofit.report.table import Column, Table, column
from gliofit.report.texts import notes

_TITLES = {"synthetic": "Synthetic cases, against the truth", "patients": "Patients, against the reference method"}

_FRAME = ("method", "refines", "metric", "n", "before", "after", "better")


def _columns(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Return the compared scores, including errors of all parameters."""
    errors = [
        column(f"{p.name}_relative_error", p.heading, "%", factor=100, better="low") for p in parameters_in(frame)
    ]
    return (
        column("mse_volume", "MSE", better="low"), column("ncc_volume", "NCC", better="high", format=".4f"), *errors,
        column("origin_error_mm", "Origin", "mm", better="low"),
        column("dice_whole_033", "Dice, whole ≥ 0.33", power=-2, better="high", format=".1f"),
        column("wall_seconds", "Inversion", "s"),
    )  # fmt: skip


def compare_refinements(metrics: pd.DataFrame, pairs: Mapping[str, str]) -> pd.DataFrame:
    """Compare scores before and after.

    Parameters
    ----------
    metrics
        The evaluate stage's ``metrics`` table of a cohort.
    pairs
        Refining method to the method it refines.

    Returns
    -------
    DataFrame
        Per pair and metric: means over the n cases with both values, and the number of cases that are ``better`` after
        refinement (missing for time).
    """
    rows: list[tuple[Any, ...]] = []
    tables = {str(name): part.set_index("case") for name, part in metrics.groupby("method")}
    for method, start in pairs.items():
        if method not in tables or start not in tables:
            continue
        for c in _columns(metrics):
            both = pd.DataFrame({"before": tables[start][c.name], "after": tables[method][c.name]}).dropna()
            gain = both["before"] - both["after"] if c.better == "low" else both["after"] - both["before"]
            better = float((gain > 0).sum()) if len(both) and c.name != "wall_seconds" else math.nan
            if c.name == "wall_seconds":
                both["after"] += both["before"]
            rows.append((method, start, c.name, len(both), both["before"].mean(), both["after"].mean(), better))
    return pd.DataFrame(rows, columns=list(_FRAME))


def refinement_table(
    evaluations: Mapping[str, str | Path], pairs: Mapping[str, str], settings: PublishSettings
) -> Table:
    """Create the table of scores before and after refinement.

    Parameters
    ----------
    evaluations
        Cohort to its ``evaluate/{cohort}`` folder with ``metrics.parquet`` and, of patients, ``cases.parquet``.
    pairs
        Refining method to the method it refines.
    settings
        Names of methods.
    """
    frames, panels, texts = [], [], [*notes("refinement")]
    for cohort, folder in evaluations.items():
        metrics = read_table(Path(folder) / "metrics.parquet")
        frame = compare_refinements(metrics, pairs)
        if cohort == "patients":
            cases = read_table(Path(folder) / "cases.parquet")
            compared = metrics[metrics["method"].isin({*pairs, *pairs.values()})]
            texts += [f"Patients: {patient_count(cases)}.", *case_notes(cases), *failure_notes(compared, settings)]
        frame.insert(0, "cohort", cohort)
        frames.append(frame)
        panels.append(_panel(_TITLES[cohort], frame, _columns(metrics), settings))
    return Table(
        "Refinement of estimates by Gauss-Newton", pd.concat(frames, ignore_index=True), (),
        caption=CAPTIONS["refinement"], footnotes=tuple(texts), panels=tuple(panels),
    )  # fmt: skip


def _panel(title: str, frame: pd.DataFrame, scores: Sequence[Column], settings: PublishSettings) -> Table:
    """Return three rows per pair: before, after, and the number of improved cases."""
    rows = []
    for (method, start), part in frame.groupby(["method", "refines"], sort=False):
        n = part["n"].max()
        before, after = (dict(zip(part["metric"], part[kind], strict=True)) for kind in ("before", "after"))
        improved = {
            metric: None if pd.isna(better) else f"{better:.0f} of {count}"
            for metric, better, count in zip(part["metric"], part["better"], part["n"], strict=True)
        }
        rows.append({"label": method_name(str(start), settings.method_names), "source": "before", "n": n} | before)
        rows.append({"label": method_name(str(method), settings.method_names), "source": "refined", "n": n} | after)
        rows.append({"label": "", "source": "better in", "n": ""} | improved)
    columns = (column("label", "Method"), column("source", "Source"), column("n", "n", format=",.0f"), *scores)
    return Table(title, pd.DataFrame(rows, columns=[c.name for c in columns], dtype=object), columns)
