"""Tables of a cohort: all rows, summary per method, and paired tests between methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_table, write_table
from gliofit.core.seeds import derive_seed
from gliofit.evaluate.case import AGREEMENT_COLUMNS, AGREEMENT_METRICS, CURVE_COLUMNS, metric_names, metrics_columns
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.model import parameters_in
from gliofit.metrics.fields import FIELD_METRICS
from gliofit.metrics.parameters import error_columns
from gliofit.metrics.statistics import bootstrap_interval, compare_pairs, describe, holm

_SUMMARISED = (
    "origin_error_fraction", "forward_wall_seconds", "total_wall_seconds", "mse_volume_truth", "ncc_volume_truth",
    "choice_was_better",
)  # fmt: skip

_TESTED = (
    *FIELD_METRICS, "dice_whole_033", "dice_core_060", "dice_whole_best", "hd95_whole_033_mm", "hd95_core_060_mm",
)  # fmt: skip

SUMMARY_COLUMNS = (
    "run", "cohort", "method", "role", "metric", "n", "n_cases", "n_failed", "n_not_converged", "mean",
    "standard_error", "median", "ci_low", "ci_high",
)  # fmt: skip

TESTS_COLUMNS = (
    "run", "cohort", "observation", "metric", "method", "against", "n", "mean_difference", "t_statistic", "t_p",
    "t_p_holm", "wilcoxon_statistic", "wilcoxon_p", "wilcoxon_p_holm", "note",
)  # fmt: skip

CASES_COLUMNS = ("case", "status", "message")


def evaluate_cohort(
    case_tables: Sequence[str | Path], curves: Sequence[str | Path], agreements: Sequence[str | Path],
    left_out: Mapping[str, str], out_dir: str | Path, settings: EvaluateSettings, seed: int = 0,
) -> None:  # fmt: skip
    """Gather a cohort's cases: ``metrics dice_curve agreement cases summary tests``, each a ``.parquet``.

    Parameters
    ----------
    case_tables, curves, agreements
        ``metrics.parquet``, ``dice_curve.parquet`` and ``agreement.parquet`` of every case.
    left_out
        Excluded cases with the reason.
    out_dir, settings, seed
        Output folder; methods to test against; seed of the bootstrap.

    Raises
    ------
    InputError
        If there are no cases, a case appears twice, or there are several cohorts.
    """
    out_dir = Path(out_dir)
    if not case_tables:
        raise InputError(out_dir, "the cohort has no cases", "add cases, or remove the cohort from the run")
    metrics, curve, agreement = (
        pd.concat([read_table(path) for path in paths], ignore_index=True)
        for paths in (case_tables, curves, agreements)
    )
    if metrics["cohort"].nunique() != 1:
        raise InputError(out_dir, "the cases belong to several cohorts", "evaluate one cohort at a time")
    if metrics.duplicated(["case", "method"]).any():
        twice = metrics.loc[metrics.duplicated(["case", "method"]), "case"].iloc[0]
        raise InputError(out_dir, f"case {twice} comes twice", "list every case once")
    used = [{"case": case, "status": "used", "message": ""} for case in metrics["case"].drop_duplicates()]
    others = [{"case": case, "status": "left out", "message": reason} for case, reason in left_out.items()]
    tables = {
        "metrics": metrics.reindex(columns=list(metrics_columns(parameters_in(metrics)))),
        "dice_curve": curve.reindex(columns=list(CURVE_COLUMNS)),
        "agreement": agreement.reindex(columns=list(AGREEMENT_COLUMNS)),
        "cases": pd.DataFrame([*used, *others], columns=list(CASES_COLUMNS)).astype("string"),
    }
    tables["summary"] = summarise(tables["metrics"], tables["agreement"], settings, seed)
    tables["tests"] = compare_methods(tables["metrics"], settings)
    for name, table in tables.items():
        write_table(out_dir / f"{name}.parquet", table)


def agreement_metric(metric: str, reference: str) -> str:
    """Return the name of a column of the agreement table in the summary."""
    return f"{metric}_vs_{reference}"


def summarise(
    metrics: pd.DataFrame, agreement: pd.DataFrame, settings: EvaluateSettings, seed: int = 0
) -> pd.DataFrame:
    """Summarise by method and metric: mean, standard error, median, bootstrap interval, and number of cases.

    Failed cases have no scores and are excluded from means; ``n`` is the number of cases with a score, ``n_failed``
    that of failed ones, and ``n_not_converged`` that of scored ones without convergence. Agreement with each reference
    is included as metrics named by ``agreement_metric``.
    """
    table = metrics.copy()
    parameters = parameters_in(table)
    # The paper's table 1 averages squared errors of parameters.
    squares = (*error_columns(parameters), "origin_error_fraction")
    for name in squares:
        table[f"{name}_squared"] = table[name] ** 2
    table["choice_was_better"] = table["choice_was_better"].astype("Float64")
    names = [*metric_names(parameters), *_SUMMARISED, *(f"{name}_squared" for name in squares)]
    rows_of_table = pd.MultiIndex.from_frame(table[["case", "method"]])
    for reference, part in agreement.groupby("reference", sort=False):
        scores = part.set_index(["case", "method"]).reindex(rows_of_table)
        for name in AGREEMENT_METRICS:
            names.append(agreement_metric(name, str(reference)))
            table[names[-1]] = scores[name].to_numpy()

    rows = []
    for method, group in table.groupby("method", sort=False):
        identity = {name: group[name].iloc[0] for name in ("run", "cohort", "method", "role")}
        failed, stopped = (int((group["status"] == status).sum()) for status in ("failed", "not-converged"))
        identity |= {"n_cases": len(group), "n_failed": failed, "n_not_converged": stopped}
        for name in names:
            values = group[name].to_numpy(dtype=float, na_value=float("nan"))
            own_seed = derive_seed(seed, "bootstrap", method, name)
            low, high = bootstrap_interval(values, settings.confidence, settings.bootstrap_samples, own_seed)
            rows.append(identity | describe(values).__dict__ | {"metric": name, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def compare_methods(metrics: pd.DataFrame, settings: EvaluateSettings) -> pd.DataFrame:
    """Test every method against the chosen one with the same observation, by metric, paired by case.

    Methods that observed the reference concentration and those that observed the segmentation (including the reference
    method) are separate comparisons, see column ``observation``. Holm's correction covers all tested methods of a
    comparison, metric and kind of test. The oracle is not tested. A comparison without its chosen method has no rows.
    """
    cohort = str(metrics["cohort"].iloc[0])
    chosen = {"concentration" if cohort == "synthetic" else "reference": settings.test_against.get(cohort)}
    if cohort != "synthetic":
        chosen["segmentation"] = settings.test_against_segmentation
    rows = []
    for observation, against in chosen.items():
        own = metrics[(metrics["role"] != "oracle") & (metrics["observation"] == observation)]
        methods = list(own["method"].drop_duplicates())
        if against not in methods:
            continue
        for name in (*_TESTED, *error_columns(parameters_in(metrics))):
            wide = own.pivot(index="case", columns="method", values=name)
            for method in (m for m in methods if m != against):
                row = {"run": metrics["run"].iloc[0], "cohort": cohort, "observation": observation, "metric": name}
                row |= {"method": method, "against": against}
                rows.append(row | compare_pairs(wide[method], wide[against]).__dict__)
    table = pd.DataFrame(rows, columns=list(TESTS_COLUMNS))
    for kind in ("t", "wilcoxon"):
        table[f"{kind}_p_holm"] = table.groupby(["observation", "metric"])[f"{kind}_p"].transform(holm)
    text = ("run", "cohort", "observation", "metric", "method", "against", "note")
    return table.astype({c: "string" if c in text else "int64" if c == "n" else "float64" for c in TESTS_COLUMNS})
