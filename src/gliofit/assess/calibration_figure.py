"""Figure of calibration: predicted against true volume, and error by volume and derived quantities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gliofit.assess.summary import calibration
from gliofit.assess.surrogate_figure import SurrogateFigure, descriptors, surrogate_figure
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import letter_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_calibration(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``calibration.png`` and ``calibration.pdf`` from rows of ``assess_forward``.

    Left: predicted against true volume (integral of the concentration on the cube). Then: median MSE with quartiles in
    four bins of volume and of each derived quantity. Number of test tumours in the atlas.
    """
    shown = descriptors(rows)
    with surrogate_figure(rows, 2.75, out_dir, "calibration", dpi) as page:
        volumes, *binned = page.figure.subplots(1, 1 + len(shown))
        _draw_volumes(volumes, page)
        table = calibration(rows)
        for axes, letter, (by, factor, label) in zip(binned, "bcdef", shown, strict=False):
            if len(table):
                _draw_bins(axes, table[table["by"] == by], page.colours, factor)
            axes.set_xlabel(label)
            axes.grid(axis="y")
            letter_panel(axes, letter)
        for axes in binned[1:]:
            axes.sharey(binned[0])
            axes.tick_params(labelleft=False)
        page.label_errors(binned[0])
        page.legend()


def _draw_volumes(axes: Axes, page: SurrogateFigure) -> None:
    """Plot predicted against true volume on logarithmic axes."""
    columns = ["cube_volume_mm3", "predicted_volume_mm3"]
    kept = page.rows[(page.rows[columns] > 0).all(axis=1)]
    for model, part in kept.groupby("model", sort=False):
        x, y = (part[column] / 1000 for column in columns)
        axes.scatter(x, y, s=5, alpha=0.55, linewidths=0, color=page.colours[str(model)], zorder=2)
    if len(kept):
        values = kept[columns].to_numpy() / 1000
        ends = values.min() / 1.25, values.max() * 1.25
        axes.plot(ends, ends, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.set_box_aspect(1)
        label_log_axis(axes.xaxis)
        label_log_axis(axes.yaxis)
    axes.set(xlabel="solver’s volume on the cube (cm³)", ylabel="predicted volume (cm³)")
    axes.grid()
    letter_panel(axes, "a")


def _draw_bins(axes: Axes, table: pd.DataFrame, colours: dict[str, str], factor: float) -> None:
    """Plot median and quartiles of every model in each bin."""
    bins = table.drop_duplicates("bin").sort_values("bin")
    for place, (model, colour) in enumerate(colours.items()):
        part = table[table["model"] == model].sort_values("bin")
        at = np.searchsorted(bins["bin"].to_numpy(), part["bin"].to_numpy())
        x = at + 0.7 * ((place + 0.5) / len(colours) - 0.5)
        lower, median, upper = (part[f"mse_cube_{which}"].to_numpy() for which in ("lower", "median", "upper"))
        away = np.stack([median - lower, upper - median])
        axes.errorbar(x, median, away, fmt="o", color=colour, markersize=3.5, linewidth=1.2, capsize=0)
    ends = zip(bins["low"] * factor, bins["high"] * factor, strict=True)
    axes.set_xticks(range(len(bins)), [f"{low:.3g} to\n{high:.3g}" for low, high in ends])
