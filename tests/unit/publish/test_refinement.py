from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.io import write_table
from gliofit.publish.refinement import compare_refinements, refinement_table
from gliofit.publish.settings import PublishSettings
from gliofit.publish.tables import FORMS
from gliofit.report.render import write_renderings

METRICS = ("mse_volume", "ncc_volume", "mu_d_relative_error", "mu_rho_relative_error", "origin_error_mm")


def metrics(**of_method) -> pd.DataFrame:
    """Rows with one number per case for every metric; NCC as 1 minus it."""
    rows = []
    for method, values in of_method.items():
        for number, value in enumerate(values):
            row = dict.fromkeys(METRICS, value) | {"ncc_volume": 1 - value, "dice_whole_033": 1 - value}
            rows.append(row | {"method": method, "case": f"case-{number}", "wall_seconds": 2.0})
    return pd.DataFrame(rows)


def test_means_and_improvements_on_common_cases():
    table = compare_refinements(
        metrics(hybrid=[0.4, 0.2, 0.1, np.nan], fine=[0.1, 0.3, np.nan, 0.0]), {"fine": "hybrid"}
    ).set_index("metric")
    assert (table["n"].drop("wall_seconds") == 2).all()
    assert table.loc["mse_volume", ["before", "after", "better"]].tolist() == pytest.approx([0.3, 0.2, 1])
    assert table.loc["ncc_volume", ["before", "after", "better"]].tolist() == pytest.approx([0.7, 0.8, 1])
    # The time of the refined estimate includes both.
    assert table.loc["wall_seconds", ["before", "after"]].tolist() == [2.0, 4.0]
    assert np.isnan(table.loc["wall_seconds", "better"])


def test_all_formats_are_written(tmp_path):
    write_table(tmp_path / "synthetic" / "metrics.parquet", metrics(hybrid=[0.4, 0.2], fine=[1e-7, 3e-7]))
    table = refinement_table({"synthetic": tmp_path / "synthetic"}, {"fine": "hybrid"}, PublishSettings())
    write_renderings(table, tmp_path, "refinement", FORMS)
    for suffix in ("md", "csv", "tex", "html"):
        assert (tmp_path / f"refinement.{suffix}").stat().st_size > 200
