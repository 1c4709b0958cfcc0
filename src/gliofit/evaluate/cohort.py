"""Tables of a whole cohort: all rows, a summary per method, and paired tests between methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gliofit.errors import InputError
from gliofit.evaluate.case import CURVE_COLUMNS, METRICS, METRICS_COLUMNS
from gliofit.evaluate.metrics import FIELD_METRICS
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.evaluate.statistics import bootstrap_interval, compare_pairs, describe, holm
from gliofit.io import read_table, write_table
from gliofit.seeds import derive_seed

__all__ = ["SUMMARY_COLUMNS", "TESTED_METRICS", "TESTS_COLUMNS", "compare_methods", "evaluate_cohort", "summarise"]

#: Squares of parameter errors, which the paper's table 1 averages; derived here so that they get errors and medians.
SQUARES = ("mu_d_relative_error", "mu_rho_relative_error", "origin_error_mm", "origin_error_fraction")

_SUMMARISED = (
    *METRICS,
    "origin_error_fraction",
    "forward_wall_seconds",
    "total_wall_seconds",
    "mse_volume_truth",
    "ncc_volume_truth",
    "choice_was_better",
)

TESTED_METRICS = (
    *FIELD_METRICS,
    "dice_whole_033",
    "dice_core_060",
    "dice_whole_best",
    "mu_d_relative_error",
    "mu_rho_relative_error",
    "origin_error_mm",
)

SUMMARY_COLUMNS = (
    "run",
    "cohort",
    "method",
    "role",
    "metric",
    "n",
    "n_cases",
    "n_failed",
    "n_not_converged",
    "mean",
    "standard_error",
    "median",
    "ci_low",
    "ci_high",
)

TESTS_COLUMNS = (
    "run",
    "cohort",
    "metric",
    "method",
    "against",
    "n",
    "mean_difference",
    "t_statistic",
    "t_p",
    "t_p_holm",
    "wilcoxon_statistic",
    "wilcoxon_p",
    "wilcoxon_p_holm",
    "note",
)


def evaluate_cohort(
    case_tables: Sequence[str | Path],
    curves: Sequence[str | Path],
    out_dir: str | Path,
    settings: EvaluateSettings,
    seed: int = 0,
) -> None:
    """Gather a cohort's cases: ``metrics``, ``dice_curve``, ``summary`` and ``tests.parquet`` in ``out_dir``.

    Parameters
    ----------
    case_tables, curves
        ``metrics.parquet`` and ``dice_curve.parquet`` of every case.
    out_dir
        Folder for the four tables.
    settings
        Which method the others are tested against, and how intervals are made.
    seed
        Seed of the bootstrap.

    Raises
    ------
    InputError
        If there is no case, a case comes twice, or the cases are of several cohorts.
    """
    out_dir = Path(out_dir)
    if not case_tables:
        raise InputError(out_dir, "the cohort has no cases", "add cases, or leave the cohort out of the run")
    metrics = pd.concat([read_table(path) for path in case_tables], ignore_index=True)
    metrics = metrics.reindex(columns=list(METRICS_COLUMNS))
    if metrics["cohort"].nunique() != 1:
        raise InputError(out_dir, "the cases belong to several cohorts", "evaluate one cohort at a time")
    if metrics.duplicated(["case", "method"]).any():
        twice = metrics.loc[metrics.duplicated(["case", "method"]), "case"].iloc[0]
        raise InputError(out_dir, f"case {twice} comes twice", "name every case once")
    curve = pd.concat([read_table(path) for path in curves], ignore_index=True).reindex(columns=list(CURVE_COLUMNS))

    write_table(out_dir / "metrics.parquet", metrics)
    write_table(out_dir / "dice_curve.parquet", curve)
    write_table(out_dir / "summary.parquet", summarise(metrics, settings, seed))
    write_table(out_dir / "tests.parquet", compare_methods(metrics, settings))


def summarise(metrics: pd.DataFrame, settings: EvaluateSettings, seed: int = 0) -> pd.DataFrame:
    """One row per method and metric: mean, standard error, median, bootstrap interval, and how many cases they rest on.

    Failed cases have no scores and take part in no mean; ``n`` counts the cases that do, ``n_failed`` those that
    failed, and ``n_not_converged`` those that are scored although the method did not converge.
    """
    table = metrics.copy()
    for name in SQUARES:
        table[f"{name}_squared"] = table[name] ** 2
    table["choice_was_better"] = table["choice_was_better"].astype("Float64")
    names = (*_SUMMARISED, *(f"{name}_squared" for name in SQUARES))

    rows = []
    for method, group in table.groupby("method", sort=False):
        identity = {name: group[name].iloc[0] for name in ("run", "cohort", "method", "role")}
        identity |= {
            "n_cases": len(group),
            "n_failed": int((group["status"] == "failed").sum()),
            "n_not_converged": int((group["status"] == "not-converged").sum()),
        }
        for name in names:
            values = group[name].to_numpy(dtype=float, na_value=float("nan"))
            found = describe(values)
            low, high = bootstrap_interval(
                values, settings.confidence, settings.bootstrap_samples, derive_seed(seed, "bootstrap", method, name)
            )
            rows.append(
                identity
                | {"metric": name, "n": found.n, "mean": found.mean, "standard_error": found.standard_error}
                | {"median": found.median, "ci_low": low, "ci_high": high}
            )
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def compare_methods(metrics: pd.DataFrame, settings: EvaluateSettings) -> pd.DataFrame:
    """Test every method against the cohort's chosen one, metric by metric, paired by case.

    Holm's correction covers, for each metric and each kind of test, all methods that were tested. The reference and
    the oracle are no methods and are not tested. The table is empty if the chosen method is not part of the run.
    """
    cohort = str(metrics["cohort"].iloc[0])
    against = settings.test_against.get(cohort)
    own = metrics[metrics["role"] == "method"]
    methods = list(own["method"].drop_duplicates())
    if against not in methods:
        return _typed_tests(pd.DataFrame(columns=list(TESTS_COLUMNS)))
    rows = []
    for name in TESTED_METRICS:
        wide = own.pivot(index="case", columns="method", values=name)
        for method in (m for m in methods if m != against):
            result = compare_pairs(wide[method], wide[against])
            rows.append(
                {"run": metrics["run"].iloc[0], "cohort": cohort, "metric": name, "method": method, "against": against}
                | result.__dict__
            )
    table = pd.DataFrame(rows, columns=list(TESTS_COLUMNS))
    for kind in ("t", "wilcoxon"):
        table[f"{kind}_p_holm"] = table.groupby("metric")[f"{kind}_p"].transform(holm)
    return _typed_tests(table)


def _typed_tests(table: pd.DataFrame) -> pd.DataFrame:
    text = ("run", "cohort", "metric", "method", "against", "note")
    types = {name: "string" if name in text else "int64" if name == "n" else "float64" for name in TESTS_COLUMNS}
    return table.astype(types)
