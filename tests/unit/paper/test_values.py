"""The transcription, checked against what the paper says in its text and against itself."""

from __future__ import annotations

import math

import pytest

from gliofit.metrics.fields import VOLUME_MM3
from gliofit.paper import paper_table

TABLE1, TABLE2, TABLE3, TABLE4, TABLE5 = (paper_table(number) for number in range(1, 6))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_rows_are_complete_and_consistent(number):
    rows = paper_table(number)
    columns = {frozenset(row.values) for row in rows.values()}
    assert len(columns) == 1
    for row in rows.values():
        for metric, value in row.values.items():
            assert value.mean > 0, (row.label, metric)
            # A mean of squares is at least the square of the mean.
            squared = row.values.get(f"{metric}_squared")
            assert squared is None or squared.mean >= value.mean**2 * 0.99
            assert math.isnan(value.median) == (number != 1)


@pytest.mark.parametrize("table", [TABLE2, TABLE3])
def test_normalised_errors_mean_tumours_of_possible_size(table):
    """MSE over normalised MSE is roughly a tumour's volume in mm3, which tells a slip by a power of ten."""
    for row in table.values():
        for metric in ("mse_volume", "mae_volume"):
            volume = row.values[metric].mean / row.values[f"{metric}_normalised"].mean
            assert 1e4 < volume < 0.05 * VOLUME_MM3


@pytest.mark.parametrize(
    ("table", "column", "unit", "printed"),
    [
        (TABLE1, "mu_rho_relative_error", 1e-3, [177.7, 62.8, 124.1, 52.1]),
        (TABLE1, "mu_d_relative_error", 1e-3, [272.2, 112.3, 93.9, 70.8]),
        (TABLE1, "origin_error_fraction", 1e-3, [111.8, 72.2, 72.6, 66.9]),
        (TABLE2, "mse_volume", 1e-3, [0.34, 5.42, 4.81, 5.91, 1.35]),
        (TABLE2, "mae_volume", 1e-3, [1.55, 8.10, 8.87, 8.53, 3.29]),
        (TABLE2, "ncc_volume", 1e-1, [8.95, 7.81, 8.47, 8.19, 9.15]),
        (TABLE3, "mse_volume", 1e-3, [5.16, 1.76, 2.83, 5.76, 4.83, 2.47, 2.10]),
        (TABLE3, "ncc_volume", 1e-1, [7.41, 8.53, 8.93, 4.81, 9.16, 8.83, 9.42]),
    ],
)
def test_columns_as_the_paper_prints_them(table, column, unit, printed):
    """Means of whole columns, typed from the paper a second time."""
    found = sorted(row.values[column].mean for row in table.values())
    assert found == pytest.approx(sorted(value * unit for value in printed), rel=1e-9)
