"""Tables of a study, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gliofit.growth.model import parameters_in
from gliofit.report.names import method_name
from gliofit.report.render import write_renderings
from gliofit.report.table import Column, Table, column
from gliofit.report.texts import notes
from gliofit.study.run import COVERAGE_LEVEL
from gliofit.study.summary import comparison, convergence, summarise_study

__all__ = ["study_tables", "write_study_tables"]

_COUNT = ",.0f"


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(column(name, name) for name in names)


def _summary(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Columns of ``study``, with the errors of all parameters of a summary."""
    errors = [
        column(f"{p.name}_{kind}_median", f"{p.text} {title}, median", "%", factor=100)
        for p in parameters_in(frame, "{name}_bias_median")
        for kind, title in (("relative_error", "error"), ("bias", "signed"))
    ]
    return (
        *_texts("preset", "scenario", "method"), column("cases", "cases", format=_COUNT),
        column("failed", "failed", format=_COUNT),
        *(column(f"mse_{name}", f"MSE, {name}") for name in ("median", "mean", "max")),
        *(column(f"oracle_mse_{name}", f"oracle MSE, {name}") for name in ("median", "mean", "max")), *errors,
        column("origin_error_mm_median", "origin error, median", "mm"), column("ncc_min", "NCC, min", format=".4f"),
        column("coverage", f"within {COVERAGE_LEVEL:.0%} interval", "%", factor=100),
        column("seconds_median", "time, median", "s"), column("seconds_max", "time, max", "s"),
        column("evaluations_median", "evaluations, median", format=_COUNT),
        column("evaluations_max", "evaluations, max", format=_COUNT),
    )  # fmt: skip


_CONVERGENCE = (
    *_texts("preset", "scenario", "method", "spent"),
    column("loss_median", "loss, median"),
    column("loss_lower", "loss, lower quartile"),
    column("loss_upper", "loss, upper quartile"),
    column("reached", "cases on the finest level", format=_COUNT),
    column("cases", "cases", format=_COUNT),
)

_COMPARISON = (
    *_texts("preset", "scenario"),
    column("first", "first method"),
    column("second", "second method"),
    column("cases", "cases", format=_COUNT),
    column("second_above", "second ends above the first", "% of cases", factor=100),
    column("loss_ratio_median", "loss of second / first, median"),
)


def study_tables(cases: pd.DataFrame, traces: pd.DataFrame, names: Mapping[str, str] | None = None) -> dict[str, Table]:
    """Make the tables ``study``, ``convergence`` and ``comparison``.

    Parameters
    ----------
    cases, traces
        Tables of ``run_cases``.
    names
        Printed names of methods where they differ from the usual ones.
    """
    spent = convergence(cases, traces)
    units = spent["by"].map({"evaluations": "evaluations", "seconds": "s"})
    spent["spent"] = [f"{at:g} {unit}" for at, unit in zip(spent["at"], units, strict=True)]
    pairs = comparison(cases)
    for frame, columns in ((spent, ["method"]), (pairs, ["first", "second"])):
        for name in columns:
            frame[name] = [method_name(method, names) for method in frame[name]]
    summary = summarise_study(cases)
    summary["method"] = [method_name(method, names) for method in summary["method"]]
    shared = notes("study-spent")
    return {
        "study": Table(
            "Errors of inversions of synthetic tumours", summary, _summary(summary),
            footnotes=(*notes("study", level=COVERAGE_LEVEL), *shared),
        ),
        "convergence": Table(
            "Loss against what was spent", spent, _CONVERGENCE, footnotes=(*notes("study-convergence"), *shared)
        ),
        "comparison": Table(
            "Methods against each other", pairs, _COMPARISON, footnotes=notes("study-comparison"),
            empty="Nothing to show: the study has one method in each scenario.",
        ),
    }  # fmt: skip


def write_study_tables(
    cases: pd.DataFrame, traces: pd.DataFrame, out_dir: str | Path, names: Mapping[str, str] | None = None
) -> None:
    """Write the tables of ``study_tables``, each as ``.json``, ``.csv`` and ``.md``."""
    for name, table in study_tables(cases, traces, names).items():
        write_renderings(table, out_dir, name, labels=True)
