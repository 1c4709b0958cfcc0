"""Tables of a study, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gliofit.growth.model import parameters_in
from gliofit.report.names import method_name
from gliofit.report.render import write_renderings
from gliofit.report.table import Column, Table, column
from gliofit.report.texts import columns, notes
from gliofit.study.run import COVERAGE_LEVEL
from gliofit.study.summary import comparison, convergence, summarise_study


def _summary(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of ``study``, with the errors of all parameters."""
    errors = [
        column(f"{p.name}_{kind}_median", f"{p.text} {title}, median", "%", factor=100)
        for p in parameters_in(frame, "{name}_bias_median")
        for kind, title in (("relative_error", "error"), ("bias", "signed"))
    ]
    return (*columns("study"), *errors, *columns("study-effort", level=COVERAGE_LEVEL))


def study_tables(cases: pd.DataFrame, traces: pd.DataFrame, names: Mapping[str, str] | None = None) -> dict[str, Table]:
    """Create the tables ``study``, ``convergence`` and ``comparison`` from the tables of ``run_cases``.

    ``names`` are printed names of methods that differ from the default.
    """
    spent = convergence(cases, traces)
    units = spent["by"].map({"evaluations": "evaluations", "seconds": "s"})
    spent["spent"] = [f"{at:g} {unit}" for at, unit in zip(spent["at"], units, strict=True)]
    pairs = comparison(cases)
    summary = summarise_study(cases)
    for frame, name in ((summary, "method"), (spent, "method"), (pairs, "first"), (pairs, "second")):
        frame[name] = [method_name(method, names) for method in frame[name]]
    shared = notes("study-spent")
    return {
        "study": Table(
            "Errors of inversions of synthetic tumours", summary, _summary(summary),
            footnotes=(*notes("study", level=COVERAGE_LEVEL), *shared),
        ),
        "convergence": Table(
            "Loss by evaluations and time", spent, columns("study-convergence"),
            footnotes=(*notes("study-convergence"), *shared),
        ),
        "comparison": Table(
            "Comparison of methods", pairs, columns("study-comparison"), footnotes=notes("study-comparison"),
            empty="The study has one method in each scenario.",
        ),
    }  # fmt: skip


def write_study_tables(
    cases: pd.DataFrame, traces: pd.DataFrame, out_dir: str | Path, names: Mapping[str, str] | None = None
) -> None:
    """Write the tables of ``study_tables``, each as ``.json``, ``.csv`` and ``.md``."""
    for name, table in study_tables(cases, traces, names).items():
        write_renderings(table, out_dir, name, labels=True)
