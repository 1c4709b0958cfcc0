"""Figure of sensitivity to growth parameters and of the loss landscape (paper, figure 5)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.assess.names import quantity_name, surrogate_colours, surrogate_name
from gliofit.assess.sensitivity import SOLVER, TABLES, TISSUE
from gliofit.core.io import read_table
from gliofit.figures.colours import CHANGE, DEVIATION, VERMILION, cells_map
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, finish_slice
from gliofit.figures.style import SMALL, TWO_COLUMNS, figure_style, save_figure
from gliofit.growth.model import parameters_in
from gliofit.report.numbers import MISSING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVELS = 15
#: Quantile of losses at the lower end of the colour scale.
_FLOOR = 0.01
#: Markers by surrogate; circles are initial guesses.
_MARKERS = ("s", "^", "D", "v", "P", "p")

#: Inches: left margin, colour bars, gaps, headings, text below maps, landscapes, and space below them.
_LEFT, _BARS, _GAP, _HEADING, _CAPTION, _LANDSCAPE, _LEGEND = 0.42, 1.05, 0.05, 0.42, 0.34, 1.35, 0.78


def draw_sensitivity(tables_dir: str | Path, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``sensitivity.png`` and ``.pdf`` from the tables of ``run_sensitivity``.

    Above, one row per model: an axial slice of c at the truth and of its changes on one symmetric scale, with norms and
    cosines over the whole cube. Below, the loss of each model over two parameters on one logarithmic scale, with
    gradient searches through the surrogates.
    """
    tables = {table: read_table(Path(tables_dir) / f"{table}.parquet") for table in TABLES}
    models = [str(model) for model in tables["landscape"]["model"].unique()]
    with figure_style():
        pictures = 1 + len(tables["changes"][["parameter", "change"]].drop_duplicates())
        edge = (TWO_COLUMNS - _LEFT - _BARS - (pictures - 1) * _GAP) / pictures
        above = _HEADING + len(models) * (edge + _CAPTION)
        page = Sheet(TWO_COLUMNS, above + _HEADING + _LANDSCAPE + _LEGEND)
        _draw_changes(page, tables["changes"], tables["slices"], models, edge)
        _draw_landscapes(page, tables["landscape"], tables["paths"], models, above)
        save_figure(page.figure, out_dir, "sensitivity", dpi)


def _name(model: str) -> str:
    return "solver" if model == SOLVER else surrogate_name(model)


def _image(rows: pd.DataFrame) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Return values by y (rows) and x (columns), and the extent in mm."""
    grid = rows.pivot(index="y_mm", columns="x_mm", values="value")
    x, y = grid.columns.to_numpy(dtype=float), grid.index.to_numpy(dtype=float)
    half = (x[1] - x[0]) / 2
    return grid.to_numpy(), (x[0] - half, x[-1] + half, y[0] - half, y[-1] + half)


def _draw_changes(page: Sheet, changes: pd.DataFrame, slices: pd.DataFrame, models: Sequence[str], edge: float) -> None:
    labels = [("", 0.0), *changes[["parameter", "change"]].drop_duplicates().itertuples(index=False, name=None)]
    panels = [
        [page.axes(_LEFT + column * (edge + _GAP), top, edge, edge) for column in range(len(labels))]
        for top in (_HEADING + row * (edge + _CAPTION) for row in range(len(models)))
    ]
    tissue, extent = _image(slices[slices["model"] == TISSUE])
    limit = max(float(slices.loc[slices["parameter"] != "", "value"].abs().max()), 1e-12)
    drawn: dict[bool, Any] = {}
    for line, model in zip(panels, models, strict=True):
        for axes, (parameter, by) in zip(line, labels, strict=True):
            here = (slices["model"] == model) & (slices["parameter"] == parameter) & (slices["change"] == by)
            values, _ = _image(slices[here])
            cmap, *ends = (CHANGE, -limit, limit) if parameter else (cells_map(), 0, 1)
            scale: Any = {"cmap": cmap, "vmin": ends[0], "vmax": ends[1], "interpolation": "nearest"}
            drawn[bool(parameter)] = axes.imshow(values, origin="lower", extent=extent, **scale)
            # The outline of white and grey matter, if the slice contains it.
            if tissue.min() < 0.5 < tissue.max():
                axes.contour(tissue, levels=[0.5], origin="lower", extent=extent, colors="0.6", linewidths=0.5)
            # Radiological: x points to the patient's right, which is on the left.
            axes.set_xlim(extent[1], extent[0])
            finish_slice(axes, *("RL" if axes is panels[0][0] else ""))
            if parameter:
                row = changes[(changes["model"] == model) & (changes["parameter"] == parameter)]
                row = row[row["change"] == by].iloc[0]
                text = f"size {100 * row['size']:.0f} %"
                if model != SOLVER:
                    cosine = MISSING if np.isnan(row["cosine"]) else f"{row['cosine']:.3f}"
                    text += f"\ncos {cosine}, error {100 * row['error']:.0f} %"
                axes.set_xlabel(text, fontsize=SMALL, labelpad=1, linespacing=1.05)
        line[0].set_ylabel(textwrap.fill(_name(model), 16))
    panels[0][0].set_title("c at the truth")
    for axes, (parameter, by) in zip(panels[0][1:], labels[1:], strict=True):
        axes.set_title(f"{quantity_name(parameter, latex=True)} {100 * by:+.0f} %".replace("-", "−"))
    right = TWO_COLUMNS - _BARS + 0.08
    add_scale_bar(panels[0][0])
    page.bar(drawn[True], right, _HEADING, 0.08, edge, "change of c (no unit)")
    page.bar(drawn[False], right + 0.56, _HEADING, 0.08, edge, "c (no unit)")
    page.text(0.05, 0.12, r"$\mathbf{a}$   Change of concentration, axial slice")


def _draw_landscapes(
    page: Sheet, landscape: pd.DataFrame, paths: pd.DataFrame, models: Sequence[str], top: float
) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator

    gap = 0.1
    width = (TWO_COLUMNS - _LEFT - 0.65 - (len(models) - 1) * gap) / len(models)
    panels = [page.axes(_LEFT + i * (width + gap), top + _HEADING, width, _LANDSCAPE) for i in range(len(models))]
    positive = landscape.loc[landscape["loss"] > 0, "loss"]
    low, high = float(positive.quantile(_FLOOR)), float(positive.max())
    levels = np.geomspace(low, max(high, 1.01 * low), _LEVELS)
    across, up = parameters_in(landscape)
    x, y = across.column, up.column
    truth = landscape[[f"true_{x}", f"true_{y}"]].iloc[0].tolist()
    filled: Any = None
    for axes, model in zip(panels, models, strict=True):
        grid = landscape[landscape["model"] == model].pivot(index=y, columns=x, values="loss")
        filled = axes.contourf(
            grid.columns, grid.index, np.clip(grid.to_numpy(), low * 1e-3, None), levels=levels,
            norm=LogNorm(levels[0], levels[-1]), cmap=DEVIATION, extend="min",
        )  # fmt: skip
        axes.plot(*truth, linestyle="none", marker="+", color=VERMILION, markersize=7, markeredgewidth=1.5, zorder=5)
        own = paths[paths["model"] == model]
        for _, path in own.groupby("start"):
            # Omit trial points of line searches: only evaluations with the lowest loss so far.
            lower = path[path["loss"] <= path["loss"].cummin()]
            axes.plot(lower[x], lower[y], color="white", linewidth=0.9, zorder=3)
            axes.plot(path[x], path[y], linestyle="none", marker=".", color="white", markersize=2)
            first = path.iloc[0]
            look: Any = {"color": "white", "markersize": 3.5, "markeredgewidth": 0.7, "markeredgecolor": "black"}
            axes.plot(first[x], first[y], marker="o", **look)
        _draw_ends(axes, own.loc[own["best"], [x, y]], "X", "white")
        axes.set(
            xlim=(grid.columns[0], grid.columns[-1]), ylim=(grid.index[0], grid.index[-1]),
            title=textwrap.fill(_name(model), 22),
            xlabel=across.axis_label,
        )  # fmt: skip
    # Minima of the surrogates in the landscape of the solver.
    others = [model for model in models if model != SOLVER] if SOLVER in models else []
    colours = surrogate_colours(others)
    for marker, model in zip(_MARKERS * len(others), others, strict=False):
        ends = paths.loc[(paths["model"] == model) & paths["best"], [x, y]]
        _draw_ends(panels[models.index(SOLVER)], ends, marker, colours[model])
    panels[0].set_ylabel(up.axis_label)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    bar = page.bar(filled, TWO_COLUMNS - 0.58, top + _HEADING, 0.08, _LANDSCAPE, "MSE of c (no unit)")
    bar.set_ticks(LogLocator(10))
    bar.ax.yaxis.set_major_formatter(LogFormatterSciNotation())
    plain: Any = {"linestyle": "none", "markeredgecolor": "black", "color": "white"}
    handles = [
        Line2D([], [], linestyle="none", marker="+", color=VERMILION, markersize=6, markeredgewidth=1.5, label="truth"),
        Line2D([], [], marker="o", markersize=3.5, label="initial guess", **plain),
        Line2D([], [], color="0.5", linewidth=0.9, marker=".", markersize=3, label="path, and all evaluations"),
        Line2D([], [], marker="X", markersize=5, label="its end", **plain),
        *(
            Line2D([], [], marker=marker, markersize=4.5, label=f"ends of {_name(model)}", **(plain | {"color": shade}))
            for marker, (model, shade) in zip(_MARKERS * len(others), colours.items(), strict=False)
        ),
    ]
    page.figure.legend(handles=handles, loc="lower center", ncols=min(len(handles), 4), columnspacing=1.4)
    page.text(0.05, top + 0.12, r"$\mathbf{b}$   Loss, origin fixed at the truth")


def _draw_ends(axes: Axes, ends: pd.DataFrame, marker: str, colour: str) -> None:
    look: Any = {"markersize": 4.5, "markeredgewidth": 0.6, "markeredgecolor": "black", "zorder": 4}
    axes.plot(*ends.to_numpy().T, linestyle="none", marker=marker, color=colour, **look)
