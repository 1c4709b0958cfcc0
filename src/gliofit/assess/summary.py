"""Summaries of an assessment: errors, derivatives, and errors by volume and derived quantities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gliofit.assess.forward import FORWARD_METRICS
from gliofit.assess.settings import GROUPS
from gliofit.growth.model import derived_in
from gliofit.metrics.statistics import describe
from gliofit.simulate.settings import ATLAS

#: Number of bins of equal size.
CALIBRATION_BINS = 4


def forward_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise rows of ``assess_forward`` by model and group of anatomies, in the order of the rows and of ``GROUPS``.

    Mean, standard error over tumours (NaN for one) and median of each metric; undefined values are excluded.
    """
    out = []
    for model, group, part in _parts(rows):
        row: dict[str, Any] = {"model": model, "group": group}
        row |= {"anatomies": part["anatomy"].nunique(), "n": len(part)}
        for metric in FORWARD_METRICS:
            row |= describe(part[metric]).columns(metric, mean="mean", error="standard_error", median="median")
        row |= describe(part["outside_cube"]).columns("outside_cube", mean="mean", max="maximum")
        row |= describe(part["seconds"]).columns("seconds", median="median")
        out.append(row)
    return pd.DataFrame(out)


def card_numbers(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Compute means over the test tumours of a model by group of anatomies, for its card (``gliofit.train.card``)."""
    names = ("mse_cube", "mse_volume", "mae_cube", "ncc_cube", "dice_033")
    return {
        group: {"n": len(part), **{name: float(part[name].mean()) for name in names}} for _, group, part in _parts(rows)
    }


def gradient_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute medians and quartiles of ``assess_gradients`` by model, group of anatomies and quantity."""
    out = []
    for model, group, part in _parts(rows):
        for quantity in rows["quantity"].unique():
            values = part[part["quantity"] == quantity].dropna(subset=["cosine", "relative_norm"])
            row: dict[str, Any] = {"model": model, "group": group, "quantity": quantity, "n": len(values)}
            for name in ("cosine", "relative_norm"):
                row |= describe(values[name]).columns(name, lower="lower", median="median", upper="upper")
            out.append(row)
    return pd.DataFrame(out)


def calibration(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute errors in bins of volume and of each derived quantity, over tumours in the atlas common to all models.

    ``low`` and ``high`` are the smallest and largest value in a bin. Empty bins have no row.
    """
    atlas = rows[rows["group"] == ATLAS]
    counts = atlas.groupby("case")["model"].nunique()
    shared = atlas[atlas["case"].isin(counts[counts == atlas["model"].nunique()].index)]
    out = []
    for by in ("volume_mm3", *(quantity.column for quantity in derived_in(rows))):
        values = shared.drop_duplicates("case").set_index("case")[by].sort_index()
        if values.empty:
            continue
        edges = np.quantile(values, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
        bins = pd.Series(np.searchsorted(edges, values.to_numpy(), side="left") + 1, index=values.index)
        for number in range(1, CALIBRATION_BINS + 1):
            cases = bins.index[bins == number]
            for model in shared["model"].unique() if len(cases) else ():
                part = shared[(shared["model"] == model) & shared["case"].isin(cases)]
                low, high = values[cases].min(), values[cases].max()
                row = {"by": by, "bin": number, "model": model, "low": low, "high": high, "n": len(part)}
                row |= describe(part["mse_cube"]).columns("mse_cube", lower="lower", median="median", upper="upper")
                row |= describe(part["dice_033"]).columns("dice_033", mean="mean")
                volume = describe(part["relative_volume_error"])
                out.append(row | volume.columns("relative_volume_error", mean="mean", median="median"))
    return pd.DataFrame(out)


def _parts(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Yield rows of each model and group, in the order of the rows and of ``GROUPS``."""
    parts = {(str(model), str(group)): part for (model, group), part in rows.groupby(["model", "group"], sort=False)}
    models = [str(model) for model in rows["model"].unique()]
    return [(model, group, parts[model, group]) for model in models for group in GROUPS if (model, group) in parts]
