"""Figure of calibration: predicted against true volume, and the error by size and sharpness of the tumour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.assess.summary import calibration
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.simulate.settings import ATLAS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_calibration"]

_BINNED = (
    ("volume_mm3", 1e-3, "tumour volume (cm³)"),
    ("front_width_mm", 1.0, r"front width $\mu_D / \mu_\rho$ (mm)"),
)


def draw_calibration(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300, name: str = "calibration") -> None:
    """Draw ``{name}.png`` and ``{name}.pdf``.

    Left, the volume (integral of the concentration on the cube) that surrogates predict against the target's; then the
    median MSE with its quartiles in four bins of volume and of front width. Test tumours in the atlas.

    Parameters
    ----------
    rows
        Rows of ``assess_forward``.
    out_dir
        Folder to write to.
    dpi
        Resolution of the PNG.
    name
        Name of the two files.
    """
    atlas = rows[rows["group"] == ATLAS]
    models = [str(model) for model in atlas["model"].unique()]
    colours = surrogate_colours(models)
    with figure_style():
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D

        figure = Figure(figsize=(TWO_COLUMNS, 2.75), layout="constrained")
        volumes, *binned = figure.subplots(1, 3)
        _draw_volumes(volumes, atlas, colours)
        table = calibration(rows)
        for axes, letter, (by, factor, label) in zip(binned, "bc", _BINNED, strict=True):
            if len(table):
                _draw_bins(axes, table[table["by"] == by], models, colours, factor)
            axes.set_xlabel(label)
            axes.grid(axis="y")
            letter_panel(axes, letter)
        binned[1].sharey(binned[0])
        if (atlas["mse_cube"] > 0).any():
            binned[0].set_yscale("log")
            label_log_axis(binned[0].yaxis)
        binned[0].set_ylabel("MSE of c, cube (no unit)")
        binned[1].tick_params(labelleft=False)
        handles = [
            Line2D([], [], color=colours[m], marker="o", markersize=3.5, linewidth=1.2, label=surrogate_name(m))
            for m in models
        ]
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
        save_figure(figure, out_dir, name, dpi)


def _draw_volumes(axes: Axes, atlas: pd.DataFrame, colours: dict[str, str]) -> None:
    """Predicted against true volume, both logarithmic."""
    kept = atlas[(atlas["cube_volume_mm3"] > 0) & (atlas["predicted_volume_mm3"] > 0)]
    for model, part in kept.groupby("model", sort=False):
        axes.scatter(
            part["cube_volume_mm3"] / 1000, part["predicted_volume_mm3"] / 1000, s=5, alpha=0.55, linewidths=0,
            color=colours[str(model)], zorder=2,
        )  # fmt: skip
    if len(kept):
        values = kept[["cube_volume_mm3", "predicted_volume_mm3"]].to_numpy() / 1000
        ends = values.min() / 1.25, values.max() * 1.25
        axes.plot(ends, ends, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.set_box_aspect(1)
        label_log_axis(axes.xaxis)
        label_log_axis(axes.yaxis)
    axes.set_xlabel("solver’s volume on the cube (cm³)")
    axes.set_ylabel("predicted volume (cm³)")
    axes.grid()
    letter_panel(axes, "a")


def _draw_bins(axes: Axes, table: pd.DataFrame, models: Sequence[str], colours: dict[str, str], factor: float) -> None:
    """Median and quartiles of every model, side by side in each bin."""
    bins = table.drop_duplicates("bin").sort_values("bin")
    for place, model in enumerate(models):
        part = table[table["model"] == model].sort_values("bin")
        x = np.searchsorted(bins["bin"].to_numpy(), part["bin"].to_numpy()) + 0.7 * ((place + 0.5) / len(models) - 0.5)
        median = part["mse_cube_median"].to_numpy()
        away = np.stack([median - part["mse_cube_lower"].to_numpy(), part["mse_cube_upper"].to_numpy() - median])
        axes.errorbar(x, median, away, fmt="o", color=colours[model], markersize=3.5, linewidth=1.2, capsize=0)
    labels = [
        f"{low * factor:.3g} to\n{high * factor:.3g}" for low, high in zip(bins["low"], bins["high"], strict=True)
    ]
    axes.set_xticks(range(len(bins)), labels)
