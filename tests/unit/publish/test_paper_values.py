"""The transcription, checked against what the paper says in its text and against itself."""

from __future__ import annotations

import math

import pytest

from gliofit.evaluate.metrics import VOLUME_MM3
from gliofit.publish.paper_values import PAPER_TABLES, TABLE1, TABLE2, TABLE3


def test_some_cells_as_printed():
    hybrid = TABLE2["hybrid"].values
    assert (hybrid["mse_volume"].mean, hybrid["mse_volume"].standard_error) == pytest.approx((1.35e-3, 0.19e-3))
    assert hybrid["ncc_volume"].mean == pytest.approx(0.915)
    assert not hybrid["mse_volume"].starred
    assert TABLE2["direct"].values["mae_volume_normalised"].mean == pytest.approx(10.08e-8)
    assert TABLE2["direct"].values["mse_volume"].starred
    assert TABLE2["cmaes-solver"].values["wall_seconds"].mean == 138_000
    assert TABLE2["cmaes-solver"].n == 25
    assert TABLE1["gradient-surrogate"].values["mu_rho_relative_error"].mean == pytest.approx(0.0521)
    assert TABLE1["gradient-surrogate"].values["mu_d_relative_error"].median == pytest.approx(0.0349)
    assert TABLE3["lmi"].values["dice_whole_033"].mean == pytest.approx(0.42)
    assert TABLE3["gliodil"].values["mae_volume"].starred
    assert not TABLE3["gliodil"].values["mse_volume"].starred
    assert all(row.n == 75 for row in TABLE3.values())


@pytest.mark.parametrize("name", PAPER_TABLES)
def test_rows_are_complete_and_consistent(name):
    rows = PAPER_TABLES[name]
    columns = {frozenset(row.values) for row in rows.values()}
    assert len(columns) == 1
    for row in rows.values():
        for metric, value in row.values.items():
            assert value.mean > 0, (row.label, metric)
            # A mean of squares is at least the square of the mean.
            squared = row.values.get(f"{metric}_squared")
            assert squared is None or squared.mean >= value.mean**2 * 0.99
            assert math.isnan(value.median) == (name != "table1")


@pytest.mark.parametrize("table", [TABLE2, TABLE3])
def test_normalised_errors_mean_tumours_of_possible_size(table):
    """MSE over normalised MSE is roughly a tumour's volume in mm3, which tells a slip by a power of ten."""
    for row in table.values():
        for metric in ("mse_volume", "mae_volume"):
            volume = row.values[metric].mean / row.values[f"{metric}_normalised"].mean
            assert 1e4 < volume < 0.05 * VOLUME_MM3
