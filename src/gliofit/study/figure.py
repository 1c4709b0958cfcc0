"""Figure of a study: errors by scenario, and loss against evaluations and seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.report.names import method_name, method_styles
from gliofit.study.summary import convergence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# Line styles by preset.
_MARKERS = ("o", "^")
_LINES: Any = ("-", "--")
_ORACLE = "oracle"
#: Number of columns of the legend.
_LEGEND_COLUMNS = 3


def draw_study(
    cases: pd.DataFrame,
    traces: pd.DataFrame,
    out_dir: str | Path,
    names: Mapping[str, str] | None = None,
    dpi: int = 300,
) -> None:
    """Draw ``study.png`` and ``study.pdf`` from the tables of ``run_cases``.

    Left: MSE of every case and of the oracle by scenario. Right: median and quartiles of the best loss on the finest
    voxels against evaluations and seconds, in the first scenario. ``names`` are printed names of methods that differ
    from the default.
    """
    with figure_style():
        from matplotlib.figure import Figure

        scenarios = list(cases["scenario"].unique())
        presets, methods = list(cases["preset"].unique()), [*cases["method"].unique(), _ORACLE]
        columns = len(presets) * len(methods)
        height = max(2.0, len(scenarios) * max(0.3, 0.075 * columns))
        legend = 0.15 * -(-columns // _LEGEND_COLUMNS)
        figure = Figure(figsize=(TWO_COLUMNS, height + 0.65 + legend), layout="constrained")
        spacing = {"width_ratios": [1.5, 1, 1], "wspace": 0.04}
        errors, by_evaluations, by_seconds = figure.subplots(1, 3, gridspec_kw=spacing)
        by_seconds.sharey(by_evaluations)
        _draw_errors(errors, cases, scenarios)
        first = cases["scenario"] == scenarios[0]
        spent = traces[traces["scenario"] == scenarios[0]]
        evaluations, seconds = _grid(spent["evaluation"]), _grid(spent["seconds"])
        curves = convergence(cases[first], spent, evaluations.tolist(), seconds.tolist())
        _draw_convergence(by_evaluations, curves[curves["by"] == "evaluations"], "evaluations of the solver")
        _draw_convergence(by_seconds, curves[curves["by"] == "seconds"], "time (s)")
        by_evaluations.set_ylabel("best loss, finest voxels (no unit)")
        by_seconds.tick_params(labelleft=False)
        for axes, letter, what in ((errors, "a", ""), (by_evaluations, "b", scenarios[0]), (by_seconds, "c", "")):
            letter_panel(axes, letter, what)
        handles = _handles(presets, methods, names)
        figure.legend(handles=handles, loc="outside lower center", ncols=_LEGEND_COLUMNS, columnspacing=1.4)
        save_figure(figure, out_dir, "study", dpi)


def _grid(values: pd.Series) -> NDArray[np.float64]:
    """Return points of a logarithmic axis that covers all positive values."""
    positive = values[values > 0]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    return np.geomspace(low, max(high, low * 1.01), 200)


def _handles(presets: Sequence[str], methods: Sequence[str], names: Mapping[str, str] | None) -> list[Line2D]:
    """Draw the legend: colours by method, lines by preset."""
    from matplotlib.lines import Line2D

    styles = method_styles(methods)
    return [
        Line2D(
            [], [], color=styles[method].colour, marker=_MARKERS[i], markersize=3, linewidth=1.2,
            linestyle="none" if method == _ORACLE else _LINES[i],
            markerfacecolor="none" if method == _ORACLE else styles[method].colour,
            label=f"{method_name(method, names)}, {preset}",
        )
        for method in methods
        for i, preset in enumerate(presets)
    ]  # fmt: skip


def _draw_errors(axes: Axes, cases: pd.DataFrame, scenarios: Sequence[str]) -> None:
    """Plot the MSE of every case by scenario, method and preset, and of the oracle."""
    presets = list(cases["preset"].unique())
    styles = method_styles([*cases["method"].unique(), _ORACLE])
    for number, scenario in enumerate(scenarios):
        here = cases[cases["scenario"] == scenario]
        oracle = here.drop_duplicates(["preset", "case"]).drop(columns="mse_volume")
        oracle = oracle.rename(columns={"oracle_mse_volume": "mse_volume"}).assign(method=_ORACLE)
        columns = [(m, p) for m in (*here["method"].unique(), _ORACLE) for p in presets]
        width = 0.8 / max(len(columns), 4)
        points = pd.concat([here, oracle])
        points = points[points["mse_volume"] > 0]
        for place, (method, preset) in enumerate(columns):
            rows = points[(points["method"] == method) & (points["preset"] == preset)]
            # Multiples of the golden ratio spread cases evenly and reproducibly.
            jitter = (rows["case"] * 0.618034) % 1 - 0.5
            axes.plot(
                rows["mse_volume"], number + width * (place + 0.5 - len(columns) / 2 + 0.8 * jitter),
                linestyle="none", marker=_MARKERS[presets.index(preset)], markersize=2, markeredgewidth=0.5,
                color=styles[method].colour, alpha=0.7,
                markerfacecolor="none" if method == _ORACLE else styles[method].colour,
            )  # fmt: skip
    if (cases[["mse_volume", "oracle_mse_volume"]] > 0).any(axis=None):
        axes.set_xscale("log")
        label_log_axis(axes.xaxis)
    axes.set_yticks(range(len(scenarios)), scenarios)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(scenarios) - 0.5, -0.5)
    # Separate the rows of scenarios.
    for border in range(1, len(scenarios)):
        axes.axhline(border - 0.5, color="0.8", linewidth=0.5, zorder=0)
    axes.set_xlabel("MSE of c, whole volume (no unit)")
    axes.grid(axis="x")


def _draw_convergence(axes: Axes, curves: pd.DataFrame, label: str) -> None:
    """Plot median loss with quartiles; colours are methods, lines presets."""
    presets = list(curves["preset"].unique())
    styles = method_styles(list(curves["method"].unique()))
    for (preset, method), curve in curves.groupby(["preset", "method"], sort=False):
        colour = styles[str(method)].colour
        shown = curve[curve["loss_median"] > 0]
        axes.plot(shown["at"], shown["loss_median"], color=colour, linestyle=_LINES[presets.index(preset)])
        if shown.empty:
            continue
        band = shown[shown["loss_upper"].notna() & (shown["loss_lower"] > 0)]
        axes.fill_between(band["at"], band["loss_lower"], band["loss_upper"], color=colour, alpha=0.12, linewidth=0)
    # An empty axis cannot be logarithmic.
    if (curves["loss_median"] > 0).any():
        axes.set(xscale="log", yscale="log")
        label_log_axis(axes.xaxis)
        label_log_axis(axes.yaxis)
    axes.grid()
    axes.set_xlabel(label)
