from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.assess.figure6 import running_median
from gliofit.assess.summary import calibration, forward_summary, gradient_summary

from .conftest import forward_rows, gradient_rows


def test_forward_summary():
    rows = pd.concat(
        [
            forward_rows("vnet", "patients"),
            forward_rows("unet", "atlas"),
            forward_rows("vnet", "atlas", dice_033=[0.5, np.nan, 0.7, *[np.nan] * 5]),
            forward_rows("vnet", "patients", anatomy="patient-b").head(1),
        ]
    )
    table = forward_summary(rows)
    # Models as they come, groups in their own order.
    assert table[["model", "group"]].to_numpy().tolist() == [["vnet", "atlas"], ["vnet", "patients"], ["unet", "atlas"]]
    assert table["n"].tolist() == [8, 9, 8]
    assert table["anatomies"].tolist() == [1, 2, 1]
    row = table.iloc[0]
    assert row["mse_cube_mean"] == pytest.approx(4.5e-3)
    assert row["mse_cube_median"] == pytest.approx(4.5e-3)
    # Standard deviation of 1 to 8 with 7 degrees of freedom is sqrt(6).
    assert row["mse_cube_error"] == pytest.approx(np.sqrt(6 / 8) * 1e-3)
    assert row["dice_033_mean"] == pytest.approx(0.6)
    assert row["dice_033_error"] == pytest.approx(0.1)
    assert (row["outside_cube_mean"], row["outside_cube_max"]) == pytest.approx((0.035, 0.07))
    assert row["seconds_median"] == 0.5


def test_gradient_summary():
    rows = gradient_rows(cases=5)
    rows.loc[(rows["case"] == 4) & (rows["quantity"] == "loss"), ["cosine", "relative_norm"]] = np.nan
    table = gradient_summary(pd.concat([rows, gradient_rows("vnet", "warped", cases=1)])).set_index(
        ["model", "group", "quantity"]
    )
    row = table.loc[("unet", "atlas", "mu_d")]
    assert row["n"] == 5
    assert row[["cosine_lower", "cosine_median", "cosine_upper"]].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert row[["relative_norm_lower", "relative_norm_median", "relative_norm_upper"]].tolist() == [2, 3, 4]
    assert table.loc[("unet", "atlas", "loss"), "n"] == 4
    assert table.loc[("unet", "atlas", "loss"), "cosine_median"] == pytest.approx(0.15)
    assert table.loc[("vnet", "warped", "origin_x"), "relative_norm_median"] == 1


def test_calibration_is_over_shared_cases_of_the_atlas():
    rows = pd.concat(
        [
            forward_rows("unet", relative_volume_error=[0.2, 0.4, *[0.0] * 6]),
            forward_rows("vnet", mse_cube=1e-2),
            forward_rows("unet", "warped", mse_cube=1.0),
        ]
    )
    table = calibration(rows)
    assert table["by"].unique().tolist() == ["volume_mm3", "front_width_mm"]
    volume = table[(table["by"] == "volume_mm3") & (table["model"] == "unet")]
    assert volume["n"].tolist() == [2, 2, 2, 2]
    assert volume["low"].tolist() == [1e4, 3e4, 5e4, 7e4]
    assert volume["high"].tolist() == [2e4, 4e4, 6e4, 8e4]
    assert volume["mse_cube_median"].tolist() == pytest.approx([1.5e-3, 3.5e-3, 5.5e-3, 7.5e-3])
    assert volume["relative_volume_error_mean"].tolist() == pytest.approx([0.3, 0, 0, 0])
    assert (table.loc[table["model"] == "vnet", "mse_cube_median"] == 1e-2).all()
    # The widest fronts are those of the smallest tumours.
    front = table[(table["by"] == "front_width_mm") & (table["model"] == "unet")]
    assert front["mse_cube_median"].tolist() == pytest.approx([7.5e-3, 5.5e-3, 3.5e-3, 1.5e-3])

    fewer = calibration(pd.concat([forward_rows("unet"), forward_rows("vnet").head(4)]))
    assert fewer["n"].tolist() == [1] * 16
    assert calibration(forward_rows("unet", "warped")).empty
    same = calibration(forward_rows("unet", volume_mm3=5.0))
    assert same.loc[same["by"] == "volume_mm3", "n"].tolist() == [8]


def test_running_median():
    x = np.arange(50)[::-1].astype(float)
    at, median = running_median(x, 2 * x)
    assert at.tolist() == [4.5, 9.5, 14.5, 19.5, 24.5, 29.5, 34.5, 39.5, 44.5]
    assert median == pytest.approx(2 * at)
    # Windows of five that move by two; the last one ends with the last point.
    assert running_median(x[:6], x[:6])[0].tolist() == [46, 47]
    assert running_median(x[:4], x[:4])[0].size == 0
