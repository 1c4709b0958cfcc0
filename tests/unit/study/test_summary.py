from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.study.figure import draw_study
from gliofit.study.summary import comparison, convergence, summarise_study
from gliofit.study.tables import write_study_tables


def cases(**columns) -> pd.DataFrame:
    """Four cases of one method, the last of which failed, with some columns replaced."""
    table = pd.DataFrame(
        {
            "preset": "paper", "scenario": "accurate", "case": range(4), "method": "gauss-newton",
            "status": ["ok", "not-converged", "ok", "failed"],
            "mse_volume": [1e-6, 2e-6, 6e-6, np.nan], "oracle_mse_volume": [4e-6, 4e-6, 4e-6, 8e-6],
            "ncc_volume": [0.99, 0.95, 1.0, np.nan], "mu_d_relative_error": [0.1, 0.3, 0.2, np.nan],
            "mu_d_bias": [0.1, -0.3, -0.2, np.nan], "mu_rho_relative_error": [0.01, 0.03, 0.02, np.nan],
            "mu_rho_bias": [0.01, 0.03, 0.02, np.nan], "origin_error_mm": [1.0, 3.0, 2.0, np.nan],
            "loss": [1.0, 2.0, 3.0, np.nan], "evaluations": [10, 30, 20, 0], "wall_seconds": [1.0, 3.0, 2.0, 0.1],
            "inside_mu_d_mm": pd.array([True, False, True, pd.NA], "boolean"),
            "inside_mu_rho": pd.array([True, True, True, pd.NA], "boolean"),
        }
    )  # fmt: skip
    return table.assign(**columns)


def trace(case: int, losses: list[float], levels: list[str], seconds: list[float], **columns) -> pd.DataFrame:
    who = {"preset": "paper", "scenario": "accurate", "case": case, "method": "gauss-newton"} | columns
    values = {"evaluation": range(1, len(losses) + 1), "loss": losses, "seconds": seconds, "level": levels}
    return pd.DataFrame(values).assign(**who)


#: Case 0 reaches the fine level with its third evaluation, case 1 with its second, cases 2 and 3 have no trace.
TRACES = pd.concat(
    [
        trace(0, [0.01, 0.02, 5.0, 7.0, 1.0], ["1: 4 mm"] * 2 + ["2: 2 mm"] * 3, [1, 2, 3, 4, 5]),
        trace(1, [0.01, np.nan, 4.0], ["1: 4 mm"] + ["2: 2 mm"] * 2, [2, 4, 6]),
    ]
)


def test_summary():
    missing = pd.array([pd.NA] * 4, "boolean")
    other = cases(preset="appendix-d", inside_mu_d_mm=missing, inside_mu_rho=missing)
    table = summarise_study(pd.concat([cases(), other]))
    assert table["preset"].tolist() == ["paper", "appendix-d"]
    row = table.iloc[0]
    assert (row["cases"], row["failed"]) == (4, 1)
    assert row[["mse_median", "mse_mean", "mse_max"]].tolist() == pytest.approx([2e-6, 3e-6, 6e-6])
    assert row[["oracle_mse_median", "oracle_mse_mean", "oracle_mse_max"]].tolist() == pytest.approx([4e-6, 5e-6, 8e-6])
    assert row["mu_d_relative_error_median"] == 0.2
    assert row["mu_d_bias_median"] == -0.2
    assert row["origin_error_mm_median"] == 2
    assert row["ncc_min"] == 0.95
    assert row["coverage"] == pytest.approx(5 / 6)
    assert (row["seconds_median"], row["seconds_max"]) == (2, 3)
    assert (row["evaluations_median"], row["evaluations_max"]) == (20, 30)
    assert np.isnan(table["coverage"].iloc[1])


def test_convergence_counts_all_evaluations_and_the_finest_losses():
    two = cases().head(2)
    table = convergence(two, TRACES, evaluations=(2, 3, 4, 5, 9), seconds=(3.5, 100))
    by = table[table["by"] == "evaluations"].set_index("at")
    # Coarse losses, smaller as they are, do not count; case 1 has no finite one before its third evaluation.
    assert by["reached"].tolist() == [0, 2, 2, 2, 2]
    assert np.isnan(by.loc[2, "loss_median"])
    assert by["loss_median"].tolist()[1:] == [4.5, 4.5, 2.5, 2.5]
    assert by.loc[9, ["loss_lower", "loss_upper"]].tolist() == [1.0, 4.0]
    by = table[table["by"] == "seconds"].set_index("at")
    assert by["reached"].tolist() == [1, 2]
    assert by["loss_median"].isna().tolist() == [True, False]


def test_comparison():
    second = cases(method="cmaes-solver", status="ok", loss=[2.0, 1.0, 6.0, 1.0])
    table = comparison(pd.concat([cases(), second]))
    assert len(table) == 1
    row = table.iloc[0]
    assert (row["first"], row["second"], row["cases"]) == ("gauss-newton", "cmaes-solver", 3)
    assert row["second_above"] == pytest.approx(2 / 3)
    assert row["loss_ratio_median"] == 2
    assert comparison(cases()).empty


def test_tables_and_figure(tmp_path, drawn):
    second = cases(method="cmaes-solver", status="ok", loss=[2.0, 1.0, 6.0, 1.0])
    rows = pd.concat([cases(), second, cases(preset="appendix-d", scenario="noise-1")])
    traces = pd.concat([TRACES, TRACES.assign(method="cmaes-solver")])
    write_study_tables(rows, traces, tmp_path, {"cmaes-solver": "CMA"})
    draw_study(rows, traces, tmp_path, dpi=60)
    names = {f"{name}.{kind}" for name in ("study", "convergence", "comparison") for kind in ("json", "csv", "md")}
    assert {path.name for path in tmp_path.iterdir()} == names | {"study.png", "study.pdf"}
    table = pd.read_csv(tmp_path / "study.csv")
    assert table.loc[0, ["MSE, median", "μ_D error, median (%)"]].tolist() == pytest.approx([2e-6, 20])
