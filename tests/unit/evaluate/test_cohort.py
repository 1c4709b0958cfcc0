from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.errors import InputError
from gliofit.evaluate.case import CURVE_COLUMNS, METRICS_COLUMNS
from gliofit.evaluate.cohort import SUMMARY_COLUMNS, TESTED_METRICS, TESTS_COLUMNS, evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.io import read_table, write_table

SETTINGS = EvaluateSettings(bootstrap_samples=200)


def write_case(folder, case, scores, cohort="synthetic"):
    rows = []
    for method, score in scores.items():
        row = dict.fromkeys(METRICS_COLUMNS, np.nan)
        status = "failed" if np.isnan(score) else "ok"
        row |= {"run": "r", "cohort": cohort, "case": case, "method": method, "status": status, "message": ""}
        role = "oracle" if method == "oracle" else "method"
        row |= {"seed": 1, "role": role, "observation": None, "chosen": None, "mse_volume": score}
        row |= {"mu_d_relative_error": score, "choice_was_better": score < 3 if method == "hybrid" else None}
        rows.append(row)
    table = pd.DataFrame(rows).astype({"choice_was_better": "boolean"})
    write_table(folder / case / "metrics.parquet", table)
    curve = pd.DataFrame([["r", cohort, case, m, 0.5, 0.7, 0.6] for m in scores], columns=list(CURVE_COLUMNS))
    write_table(folder / case / "dice_curve.parquet", curve)
    return folder / case


def run(tmp_path, folders, settings=SETTINGS):
    out = tmp_path / "cohort"
    evaluate_cohort(
        [f / "metrics.parquet" for f in folders], [f / "dice_curve.parquet" for f in folders], out, settings
    )
    return {name: read_table(out / f"{name}.parquet") for name in ("metrics", "dice_curve", "summary", "tests")}


def test_cohort_tables(tmp_path):
    scores = [
        {"direct": 2.0, "hybrid": 1.0, "lmi": np.nan, "oracle": 0.0},
        {"direct": 4.0, "hybrid": 2.0, "lmi": 5.0, "oracle": 0.0},
        {"direct": 9.0, "hybrid": 3.0, "lmi": np.nan, "oracle": 0.0},
    ]
    folders = [write_case(tmp_path, f"c{i}", s) for i, s in enumerate(scores)]
    tables = run(tmp_path, folders)
    assert len(tables["metrics"]) == 12
    assert len(tables["dice_curve"]) == 12

    summary = tables["summary"]
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    direct = summary[(summary["method"] == "direct") & (summary["metric"] == "mse_volume")].iloc[0]
    assert (direct["n"], direct["n_cases"], direct["n_failed"]) == (3, 3, 0)
    assert (direct["mean"], direct["median"]) == (5, 4)
    assert direct["standard_error"] == pytest.approx(np.std([2, 4, 9], ddof=1) / 3**0.5)
    assert 2 <= direct["ci_low"] <= 5 <= direct["ci_high"] <= 9
    squared = summary[(summary["method"] == "direct") & (summary["metric"] == "mu_d_relative_error_squared")].iloc[0]
    assert squared["mean"] == pytest.approx((4 + 16 + 81) / 3)
    lmi = summary[(summary["method"] == "lmi") & (summary["metric"] == "mse_volume")].iloc[0]
    assert (lmi["n"], lmi["n_cases"], lmi["n_failed"], lmi["mean"]) == (1, 3, 2, 5)
    assert np.isnan(lmi["standard_error"])
    choice = summary[(summary["method"] == "hybrid") & (summary["metric"] == "choice_was_better")].iloc[0]
    assert choice["mean"] == pytest.approx(2 / 3)

    tests = tables["tests"]
    assert tuple(tests.columns) == TESTS_COLUMNS
    assert set(tests["metric"]) == set(TESTED_METRICS)
    assert set(tests["method"]) == {"direct", "lmi"}
    assert set(tests["against"]) == {"hybrid"}
    found = tests[tests["metric"] == "mse_volume"].set_index("method")
    assert found.loc["direct", "n"] == 3
    assert found.loc["direct", "mean_difference"] == pytest.approx(3)
    assert found.loc["direct", "wilcoxon_p"] == pytest.approx(0.25)
    assert found.loc["direct", "wilcoxon_p_holm"] == pytest.approx(0.25)
    assert found.loc["lmi", "n"] == 1
    assert np.isnan(found.loc["lmi", "t_p"])
    assert "too few" in found.loc["lmi", "note"]


def test_pairs_are_matched_by_case_not_by_position(tmp_path):
    first = write_case(tmp_path, "a", {"direct": 1.0, "hybrid": 10.0})
    second = write_case(tmp_path, "b", {"hybrid": 20.0, "direct": 2.0})
    third = write_case(tmp_path, "c", {"direct": 3.5})
    tests = run(tmp_path, [first, second, third])["tests"]
    row = tests[tests["metric"] == "mse_volume"].iloc[0]
    assert (row["n"], row["mean_difference"]) == (2, -13.5)


def test_no_tests_without_the_method_to_test_against(tmp_path):
    tables = run(tmp_path, [write_case(tmp_path, "a", {"direct": 1.0, "lmi": 2.0})])
    assert tables["tests"].empty
    assert tuple(tables["tests"].columns) == TESTS_COLUMNS
    settings = EvaluateSettings(bootstrap_samples=200, test_against={"synthetic": "lmi"})
    assert set(run(tmp_path, [tmp_path / "a"], settings)["tests"]["against"]) == {"lmi"}


def test_cohort_refuses_no_cases_repeated_cases_and_mixed_cohorts(tmp_path):
    a = write_case(tmp_path, "a", {"direct": 1.0})
    b = write_case(tmp_path, "b", {"direct": 1.0}, cohort="patients")
    with pytest.raises(InputError, match="no cases"):
        run(tmp_path, [])
    with pytest.raises(InputError, match="twice"):
        run(tmp_path, [a, a])
    with pytest.raises(InputError, match="several cohorts"):
        run(tmp_path, [a, b])
