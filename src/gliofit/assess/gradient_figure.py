"""Figure of derivatives: direction and length of surrogates' derivatives against the solver's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gliofit.assess.gradients import QUANTITIES
from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.simulate.settings import ATLAS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_gradients"]

_LABELS = ("origin x", "origin y", "origin z", r"$\mu_D$", r"$\mu_\rho$", "loss")


def draw_gradients(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300, name: str = "gradients") -> None:
    """Draw ``{name}.png`` and ``{name}.pdf``: cosine and relative norm of every test tumour in the atlas.

    Parameters
    ----------
    rows
        Rows of ``assess_gradients``.
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

        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        cosine, norm = figure.subplots(1, 2)
        for axes, letter, column in ((cosine, "a", "cosine"), (norm, "b", "relative_norm")):
            axes.axhline(1, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
            for number, quantity in enumerate(QUANTITIES):
                for place, model in enumerate(models):
                    here = (atlas["quantity"] == quantity) & (atlas["model"] == model)
                    width = 0.8 / max(len(models), 2)
                    at = number + width * (place + 0.5 - len(models) / 2)
                    _draw_strip(axes, at, width, atlas.loc[here, column].dropna(), colours[model])
            axes.axvline(len(QUANTITIES) - 1.5, color="0.8", linewidth=0.8)
            axes.set_xticks(range(len(QUANTITIES)), _LABELS)
            axes.set_xlim(-0.6, len(QUANTITIES) - 0.4)
            axes.grid(axis="y")
            axes.set_xlabel("derivative of c by ..., gradient of the loss")
            letter_panel(axes, letter)
        cosine.set_ylabel("cosine with the solver’s (no unit)")
        cosine.set_ylim(min(0.0, float(atlas["cosine"].min()) - 0.05 if len(atlas) else 0.0), 1.04)
        norm.set_ylabel("length relative to the solver’s (no unit)")
        if (atlas["relative_norm"] > 0).any():
            norm.set_yscale("log")
            norm.set_ylim(min(norm.get_ylim()[0], 0.45), max(norm.get_ylim()[1], 2.2))
            label_log_axis(norm.yaxis)
        handles = [Line2D([], [], color=colours[m], linewidth=4, label=surrogate_name(m)) for m in models]
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
        save_figure(figure, out_dir, name, dpi)


def _draw_strip(axes: Axes, at: float, width: float, values: pd.Series, colour: str) -> None:
    """All tumours as points, with a box of the quartiles and the median."""
    if values.empty:
        return
    # A golden-ratio sequence spreads the points without a random number.
    jitter = ((np.arange(len(values)) * 0.6180339887) % 1 - 0.5) * 0.6 * width
    axes.scatter(at + jitter, values, s=2.5, color=colour, alpha=0.4, linewidths=0, zorder=2)
    lower, median, upper = np.percentile(values, [25, 50, 75])
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (at - 0.4 * width, lower), 0.8 * width, upper - lower, facecolor="none", edgecolor=colour, linewidth=0.8,
            zorder=3,
        )
    )  # fmt: skip
    axes.plot([at - 0.4 * width, at + 0.4 * width], [median, median], color=colour, linewidth=1.6, zorder=3)
