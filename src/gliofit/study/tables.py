"""Tables of a study, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from gliofit.io import atomic_path
from gliofit.publish.names import method_name
from gliofit.publish.numbers import MISSING
from gliofit.publish.panel import Column
from gliofit.study.run import COVERAGE_LEVEL
from gliofit.study.summary import comparison, convergence, summarise_study

__all__ = ["write_study_tables"]

_LABELS = MappingProxyType({"preset": "preset", "scenario": "scenario", "method": "method"})

_SUMMARY = (
    Column("cases", "cases", better=None, decimals=0),
    Column("failed", "failed", better=None, decimals=0),
    *(Column(f"mse_{name}", f"MSE, {name}", better=None) for name in ("median", "mean", "max")),
    *(Column(f"oracle_mse_{name}", f"oracle MSE, {name}", better=None) for name in ("median", "mean", "max")),
    Column("mu_d_relative_error_median", "μ_D error, median", "%", factor=100, better=None),
    Column("mu_d_bias_median", "μ_D signed, median", "%", factor=100, better=None),
    Column("mu_rho_relative_error_median", "μ_ρ error, median", "%", factor=100, better=None),
    Column("mu_rho_bias_median", "μ_ρ signed, median", "%", factor=100, better=None),
    Column("origin_error_mm_median", "origin error, median", "mm", better=None),
    Column("ncc_min", "NCC, min", better=None, decimals=4),
    Column("coverage", f"within {COVERAGE_LEVEL:.0%} interval", "%", factor=100, better=None),
    Column("seconds_median", "time, median", "s", better=None),
    Column("seconds_max", "time, max", "s", better=None),
    Column("evaluations_median", "evaluations, median", better=None, decimals=0),
    Column("evaluations_max", "evaluations, max", better=None, decimals=0),
)

_CONVERGENCE = (
    Column("loss_median", "loss, median", better=None),
    Column("loss_lower", "loss, lower quartile", better=None),
    Column("loss_upper", "loss, upper quartile", better=None),
    Column("reached", "cases on the finest level", better=None, decimals=0),
    Column("cases", "cases", better=None, decimals=0),
)

_COMPARISON = (
    Column("cases", "cases", better=None, decimals=0),
    Column("second_above", "second ends above the first", "% of cases", factor=100, better=None),
    Column("loss_ratio_median", "loss of second / first, median", better=None),
)

_TIME_NOTE = "Times depend on the machine and on what else it did; every inversion ran on one core."

_EVALUATION_NOTE = (
    "Evaluations are runs of the solver, or of the surrogate in methods that have one. One of Gauss-Newton mostly "
    "carries the five derivatives with it and so costs "
    "more than one of CMA-ES; times compare them fairly. Its runs that only choose starting points count as well."
)

_SUMMARY_NOTES = (
    "MSE and NCC: the final run with the estimate against the target without noise, averaged over the whole volume of "
    "240 × 240 × 155 mm with the background counted as zeros; both fields are zeroed outside grey and white matter.",
    "Oracle: the true parameters run again by the solver of the final run in the tissue that the fit sees. Its error "
    "is that of the integrator, voxel size or tissue that made the target, and an estimate may lie below it by making "
    "up for that. Noise is no part of it.",
    "Errors of μ_D and μ_ρ are relative to the truth: their size, and with their sign. Failed cases enter no number "
    "but the count and the oracle.",
    f"Interval: share of all parameters of all cases within the method’s {COVERAGE_LEVEL:.0%} interval; {MISSING} "
    "where it gives none. Intervals are about noise: they know nothing of errors of the model.",
)

_CONVERGENCE_NOTES = (
    "Loss: smallest mean squared error so far on the finest voxels, over the grid of the fit. What was spent on "
    "coarser levels counts as spent; a case that has not reached the finest level, or failed, has an infinite loss "
    f"({MISSING} where that is the median or quartile).",
)

_COMPARISON_NOTES = ("All runs end at the same finest voxel size with the same observation, so losses are comparable.",)


def write_study_tables(
    cases: pd.DataFrame, traces: pd.DataFrame, out_dir: str | Path, names: Mapping[str, str] | None = None
) -> None:
    """Write ``study``, ``convergence`` and ``comparison``, each as ``.csv`` and ``.md``.

    Parameters
    ----------
    cases, traces
        Tables of ``run_cases``.
    out_dir
        Folder to write to.
    names
        Printed names of methods where they differ from the usual ones.
    """
    spent = convergence(cases, traces)
    units = spent["by"].map({"evaluations": "evaluations", "seconds": "s"})
    spent["spent"] = [f"{at:g} {unit}" for at, unit in zip(spent["at"], units, strict=True)]
    pairs = {"preset": "preset", "scenario": "scenario", "first": "first method", "second": "second method"}
    for name, title, table, labels, columns, notes in (
        (
            "study", "Errors of inversions of synthetic tumours", summarise_study(cases), _LABELS, _SUMMARY,
            (*_SUMMARY_NOTES, _EVALUATION_NOTE, _TIME_NOTE),
        ),
        (
            "convergence", "Loss against what was spent", spent, {**_LABELS, "spent": "spent"}, _CONVERGENCE,
            (*_CONVERGENCE_NOTES, _EVALUATION_NOTE, _TIME_NOTE),
        ),
        ("comparison", "Methods against each other", comparison(cases), pairs, _COMPARISON, _COMPARISON_NOTES),
    ):  # fmt: skip
        _write(Path(out_dir) / name, title, _named(table, names), labels, columns, notes)


def _named(table: pd.DataFrame, names: Mapping[str, str] | None) -> pd.DataFrame:
    """The table with printed names of methods."""
    columns = [column for column in ("method", "first", "second") if column in table]
    return table.assign(**{column: [method_name(m, names) for m in table[column]] for column in columns})


def _write(
    stem: Path,
    title: str,
    table: pd.DataFrame,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    notes: Sequence[str],
) -> None:
    """``{stem}.csv`` with plain numbers of three digits, ``{stem}.md`` with notes."""
    headings = [*labels.values(), *(column.heading for column in columns)]
    numbers = pd.DataFrame({heading: table[name] for name, heading in labels.items()})
    for column in columns:
        values = table[column.metric].astype(float) * column.factor
        whole = column.decimals == 0
        texts = ["" if pd.isna(v) else f"{v:.0f}" if whole else f"{v:.{column.decimals or 3}g}" for v in values]
        numbers[column.heading] = texts
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        numbers.to_csv(temporary, index=False)

    lines = ["| " + " | ".join(headings) + " |"]
    lines.append("|" + " --- |" * len(labels) + " ---: |" * len(columns))
    for _, row in table.iterrows():
        cells = [*(str(row[name]) for name in labels), *(column.text(float(row[column.metric])) for column in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    if table.empty:
        lines = ["Nothing to show: the study has one method in each scenario."]
    parts = [f"# {title}", "\n".join(lines), "\n".join(f"- {note}" for note in notes)]
    with atomic_path(stem.with_suffix(".md")) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n")
