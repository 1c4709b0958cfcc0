"""Figure 6: error of surrogates against the parameters and the size of the tumour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.simulate.settings import ATLAS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_figure6", "running_median"]

#: Columns of ``assess_forward``, factor to the printed unit, label.
_AXES = (
    ("mu_d_mm", 1.0, r"$\mu_D$ (mm)"),
    ("mu_rho", 1.0, r"$\mu_\rho$ (no unit)"),
    ("front_width_mm", 1.0, r"front width $\mu_D / \mu_\rho$ (mm)"),
    ("volume_mm3", 1e-3, "tumour volume (cm³)"),
    ("origin_distance_mm", 1.0, "origin from the cube’s centre (mm)"),
)


def running_median(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Medians of x and y over windows of a fifth of the points, at least five, that move by half their length."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    length = max(5, len(x) // 5)
    if len(x) < length:
        return x[:0], y[:0]
    starts = list(range(0, len(x) - length + 1, max(1, length // 2)))
    # The last window ends with the last point.
    if starts[-1] != len(x) - length:
        starts.append(len(x) - length)
    windows = [slice(start, start + length) for start in starts]
    return np.array([np.median(x[w]) for w in windows]), np.array([np.median(y[w]) for w in windows])


def draw_figure6(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300, name: str = "figure6") -> None:
    """Draw ``{name}.png`` and ``{name}.pdf``: MSE on the cube of every test tumour in the atlas, with running medians.

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

        figure = Figure(figsize=(TWO_COLUMNS, 3.9), layout="constrained")
        panels = figure.subplots(2, 3, sharey=True).ravel()
        for axes, letter, (column, factor, label) in zip(panels, "abcde", _AXES, strict=False):
            for model in models:
                part = atlas[atlas["model"] == model]
                _draw(axes, part[column].to_numpy(float) * factor, part["mse_cube"].to_numpy(float), colours[model])
            axes.set_xlabel(label)
            axes.grid()
            letter_panel(axes, letter)
        if (atlas["mse_cube"] > 0).any():
            panels[0].set_yscale("log")
            label_log_axis(panels[0].yaxis)
        for axes in panels[::3]:
            axes.set_ylabel("MSE of c, cube (no unit)")
        for axes in panels[len(_AXES) :]:
            axes.set_axis_off()
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], color=colours[model], marker="o", markersize=3, linewidth=1.5, label=surrogate_name(model))
            for model in models
        ]
        title = "points: test tumours\nlines: running medians"
        panels[-1].legend(handles=handles, loc="center", title=title)
        save_figure(figure, out_dir, name, dpi)


def _draw(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> None:
    # A logarithmic axis has no place for an error of exactly zero.
    kept = np.isfinite(x) & (y > 0)
    axes.scatter(x[kept], y[kept], s=4, color=colour, alpha=0.35, linewidths=0, zorder=2)
    axes.plot(*running_median(x[kept], y[kept]), color=colour, linewidth=1.5, zorder=3)
