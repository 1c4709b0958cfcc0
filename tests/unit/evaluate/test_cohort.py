from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.io import read_table, write_table
from gliofit.evaluate.case import AGREEMENT_COLUMNS, CURVE_COLUMNS, metrics_columns
from gliofit.evaluate.cohort import CASES_COLUMNS, SUMMARY_COLUMNS, TESTS_COLUMNS, evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE

SETTINGS = EvaluateSettings(bootstrap_samples=200)


def write_case(folder, case, scores, cohort="synthetic", segmentation=(), reference=None):
    """Scores by method; those in ``segmentation`` saw that, and ``reference`` is what patients are compared with."""
    rows = []
    seen = "concentration" if cohort == "synthetic" else "reference"
    for method, score in scores.items():
        row = dict.fromkeys(metrics_columns(SPACE.others), np.nan)
        status = "failed" if np.isnan(score) else "ok"
        row |= {"run": "r", "cohort": cohort, "case": case, "method": method, "status": status, "message": ""}
        role = "oracle" if method == "oracle" else "reference" if method == reference else "method"
        observation = None if role == "oracle" else "segmentation" if method in segmentation else seen
        row |= {"seed": 1, "role": role, "observation": observation, "chosen": None, "dice_whole_033": score}
        row["mse_volume"] = np.nan if role == "reference" else score
        row |= {"mu_d_relative_error": score, "choice_was_better": score < 3 if method == "hybrid" else None}
        rows.append(row)
    table = pd.DataFrame(rows).astype({"choice_was_better": "boolean"})
    write_table(folder / case / "metrics.parquet", table)
    curve = pd.DataFrame([["r", cohort, case, m, 0.5, 0.7, 0.6] for m in scores], columns=list(CURVE_COLUMNS))
    write_table(folder / case / "dice_curve.parquet", curve)
    agreement = [["r", cohort, case, m, reference, s, s, s] for m, s in scores.items() if reference not in (None, m)]
    write_table(folder / case / "agreement.parquet", pd.DataFrame(agreement, columns=list(AGREEMENT_COLUMNS)))
    return folder / case


def run(tmp_path, folders, settings=SETTINGS, left_out=None):
    out = tmp_path / "cohort"
    tables = ([f / f"{name}.parquet" for f in folders] for name in ("metrics", "dice_curve", "agreement"))
    evaluate_cohort(*tables, left_out or {}, out, settings)
    return {path.stem: read_table(path) for path in out.glob("*.parquet")}


def test_cohort_tables(tmp_path):
    scores = [
        {"direct": 2.0, "hybrid": 1.0, "lmi": np.nan, "oracle": 0.0},
        {"direct": 4.0, "hybrid": 2.0, "lmi": 5.0, "oracle": 0.0},
        {"direct": 9.0, "hybrid": 3.0, "lmi": np.nan, "oracle": 0.0},
        *({"direct": 5.0 + i, "hybrid": 2.5 + 0.1 * i, "lmi": np.nan, "oracle": 0.0} for i in range(3)),
    ]
    folders = [write_case(tmp_path, f"c{i}", s) for i, s in enumerate(scores)]
    tables = run(tmp_path, folders)
    assert tables.keys() == {"metrics", "dice_curve", "agreement", "cases", "summary", "tests"}
    assert len(tables["metrics"]) == 24
    assert len(tables["dice_curve"]) == 24
    assert tables["agreement"].empty
    assert tables["cases"]["status"].tolist() == ["used"] * 6

    summary = tables["summary"]
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    direct = summary[(summary["method"] == "direct") & (summary["metric"] == "mse_volume")].iloc[0]
    assert (direct["n"], direct["n_cases"], direct["n_failed"]) == (6, 6, 0)
    assert (direct["mean"], direct["median"]) == (5.5, 5.5)
    assert direct["standard_error"] == pytest.approx(np.std([2, 4, 9, 5, 6, 7], ddof=1) / 6**0.5)
    assert 2 <= direct["ci_low"] <= 5.5 <= direct["ci_high"] <= 9
    squared = summary[(summary["method"] == "direct") & (summary["metric"] == "mu_d_relative_error_squared")].iloc[0]
    assert squared["mean"] == pytest.approx((4 + 16 + 81 + 25 + 36 + 49) / 6)
    lmi = summary[(summary["method"] == "lmi") & (summary["metric"] == "mse_volume")].iloc[0]
    assert (lmi["n"], lmi["n_cases"], lmi["n_failed"], lmi["mean"]) == (1, 6, 5, 5)
    assert np.isnan(lmi["standard_error"])
    choice = summary[(summary["method"] == "hybrid") & (summary["metric"] == "choice_was_better")].iloc[0]
    assert choice["mean"] == pytest.approx(5 / 6)

    tests = tables["tests"]
    assert tuple(tests.columns) == TESTS_COLUMNS
    assert {"mse_volume", "dice_core_060", "mu_d_relative_error", "origin_error_mm"} <= set(tests["metric"])
    assert set(tests["method"]) == {"direct", "lmi"}
    assert set(tests["against"]) == {"hybrid"}
    found = tests[tests["metric"] == "mse_volume"].set_index("method")
    assert found.loc["direct", "n"] == 6
    assert found.loc["direct", "mean_difference"] == pytest.approx((33 - 13.8) / 6)
    # All differences have one sign: the smallest p that six pairs can have. The other method is not tested.
    assert found.loc["direct", "wilcoxon_p"] == pytest.approx(2 / 2**6)
    assert found.loc["direct", "wilcoxon_p_holm"] == pytest.approx(2 / 2**6)
    assert found.loc["lmi", "n"] == 1
    assert np.isnan(found.loc["lmi", "t_p"])
    assert found.loc["lmi", "note"] == "1 pair; a test needs six"


def test_pairs_are_matched_by_case_not_by_position(tmp_path):
    first = write_case(tmp_path, "a", {"direct": 1.0, "hybrid": 10.0})
    second = write_case(tmp_path, "b", {"hybrid": 20.0, "direct": 2.0})
    third = write_case(tmp_path, "c", {"direct": 3.5})
    tests = run(tmp_path, [first, second, third])["tests"]
    row = tests[tests["metric"] == "mse_volume"].iloc[0]
    assert (row["n"], row["mean_difference"]) == (2, -13.5)


def test_what_was_observed_makes_two_comparisons(tmp_path):
    segmentation = ("cmaes-solver", "gauss-newton-segmentation", "lmi")
    scores = {"cmaes-solver": 1, "hybrid-com": 2, "direct": 3, "gauss-newton-segmentation": 4, "lmi": 5}
    folders = [
        write_case(
            tmp_path, f"c{i}", {m: s + 0.1 * i * s for m, s in scores.items()}, "patients", segmentation, "cmaes-solver"
        )
        for i in range(6)
    ]
    tests = run(tmp_path, folders)["tests"]
    pairs = tests.groupby("observation")[["method", "against"]].apply(lambda t: sorted(set(map(tuple, t.to_numpy()))))
    assert pairs["reference"] == [("direct", "hybrid-com")]
    assert pairs["segmentation"] == [(m, "gauss-newton-segmentation") for m in ("cmaes-solver", "lmi")]
    dice = tests[tests["metric"] == "dice_whole_033"].set_index("method")
    # The correction is over the methods of one comparison: none of direct, two of the others.
    assert dice["wilcoxon_p"].tolist() == pytest.approx([2 / 2**6] * 3)
    assert dice.loc["direct", "wilcoxon_p_holm"] == pytest.approx(2 / 2**6)
    assert dice.loc["lmi", "wilcoxon_p_holm"] == pytest.approx(4 / 2**6)
    # The reference has no distance from itself.
    mse = tests[tests["metric"] == "mse_volume"].set_index("method")
    assert mse.loc["cmaes-solver", "n"] == 0
    assert mse.loc["lmi", "wilcoxon_p_holm"] == pytest.approx(2 / 2**6)

    settings = EvaluateSettings(bootstrap_samples=200, test_against_segmentation="lmi")
    again = run(tmp_path, folders, settings)["tests"]
    assert set(again.loc[again["observation"] == "segmentation", "against"]) == {"lmi"}


def test_agreement_is_summarised_by_reference_and_cases_are_counted(tmp_path):
    folders = [
        write_case(tmp_path, c, {"cmaes-solver": 1.0, "lmi": s}, "patients", reference="cmaes-solver")
        for c, s in {"a": 2.0, "b": 4.0}.items()
    ]
    tables = run(tmp_path, folders, left_out={"z": "the registration was refused"})
    assert len(tables["agreement"]) == 2
    summary = tables["summary"].set_index(["method", "metric"])
    assert summary.loc[("lmi", "ncc_volume_vs_cmaes-solver"), ["n", "mean"]].tolist() == [2, 3.0]
    assert summary.loc[("cmaes-solver", "ncc_volume_vs_cmaes-solver"), "n"] == 0
    assert tuple(tables["cases"].columns) == CASES_COLUMNS
    assert tables["cases"].to_numpy().tolist() == [
        ["a", "used", ""], ["b", "used", ""], ["z", "left out", "the registration was refused"],
    ]  # fmt: skip
