"""Figure 3: how the errors of each method are distributed over the cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.io import read_table
from gliofit.publish.drawing import figure_style, save_figure
from gliofit.publish.names import MethodStyle, method_name, method_styles
from gliofit.publish.paper_values import PAPER_TABLES, PaperRow
from gliofit.publish.settings import PublishSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_figure3"]

_METRIC = "mse_volume"


def draw_figure3(cohort_dir: str | Path, out_dir: str | Path, settings: PublishSettings, name: str = "figure3") -> None:
    """Draw every case's whole-volume MSE by method, and the share of cases below each error.

    Parameters
    ----------
    cohort_dir
        ``evaluate/{cohort}`` with ``metrics.parquet``.
    out_dir
        Folder for ``{name}.png`` and ``{name}.svg``.
    settings
        Names of methods and resolution.
    name
        Name of the two files.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    metrics = metrics[metrics["role"] != "reference"]
    cohort = str(metrics["cohort"].iloc[0]) if len(metrics) else "synthetic"
    paper = PAPER_TABLES["table2" if cohort == "synthetic" else "table3"]
    order = _order(metrics)
    values = {m: _errors(metrics, m) for m in order}
    failed = metrics[metrics["status"] == "failed"].groupby("method").size().to_dict()
    styles = method_styles(order)
    names = {method: method_name(method, settings.method_names) for method in order}
    low, high = _limits(values, [row.values[_METRIC].mean for m, row in paper.items() if m in order])

    with figure_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10.5, 1.6 + 0.42 * max(4, len(order))), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
        for place, method in enumerate(order):
            _draw_strip(left, place, values[method], styles[method], low)
            _draw_paper(left, place, paper.get(method))
            count = f"n = {values[method].size}" + (f", {failed[method]} failed" if method in failed else "")
            left.annotate(
                count, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7, color="0.35"
            )
        left.set_yticks(range(len(order)), [names[method] for method in order])
        left.set_ylim(len(order) - 0.4, -0.6)
        left.set_title("(a) Error of every case", loc="left")
        _draw_legend(left)
        for method in order:
            total = values[method].size + failed.get(method, 0)
            _draw_share(right, values[method], total, styles[method], names[method], low, high)
        right.set_ylim(0, 1.02)
        right.set_ylabel("share of all cases with a smaller error")
        right.set_title("(b) Cumulative distribution", loc="left")
        right.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=2.4)
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_xlim(low, high)
            axes.set_xlabel("MSE of the final forward run, whole volume")
            axes.grid(axis="x", color="0.9", linewidth=0.6)
            axes.set_axisbelow(True)
        save_figure(figure, out_dir, name, settings.dpi)


def _order(metrics: pd.DataFrame) -> list[str]:
    """Methods as they come in the table, the oracle last."""
    methods = [str(m) for m in metrics["method"].drop_duplicates()]
    return [m for m in methods if m != "oracle"] + [m for m in methods if m == "oracle"]


def _errors(metrics: pd.DataFrame, method: str) -> NDArray[np.float64]:
    values = metrics.loc[metrics["method"] == method, _METRIC].to_numpy(dtype=float)
    return np.sort(values[np.isfinite(values)])


def _limits(values: Mapping[str, NDArray[np.float64]], paper: list[float]) -> tuple[float, float]:
    """Whole decades around every positive error and the paper's means."""
    positive = np.concatenate([np.array(paper), *values.values()])
    positive = positive[positive > 0]
    if positive.size == 0:
        return 1e-6, 1e-1
    low, high = np.floor(np.log10(positive.min()) - 0.1), np.ceil(np.log10(positive.max()) + 0.1)
    return float(10.0**low), float(10.0**high)


def _draw_strip(axes: Axes, place: int, values: NDArray[np.float64], style: MethodStyle, low: float) -> None:
    """All cases as points, with a box of the quartiles from five cases on, and the mean."""
    if values.size == 0:
        axes.text(0.5, place, "no case with a score", transform=axes.get_yaxis_transform(), va="center", ha="center")
        return
    # A golden-ratio sequence spreads the points without a random number.
    jitter = ((np.arange(values.size) * 0.6180339887) % 1 - 0.5) * 0.5
    many = values.size > 60
    shown = np.maximum(values, low * 1.02)
    axes.scatter(
        shown, place + jitter, s=5 if many else 16, color=style.colour, alpha=0.25 if many else 0.75,
        linewidths=0, zorder=2, rasterized=many,
    )  # fmt: skip
    if values.size >= 5:
        low_q, median, high_q = np.percentile(shown, [25, 50, 75])
        box: dict[str, Any] = {"facecolor": "none", "edgecolor": "0.15", "linewidth": 0.9, "zorder": 3}
        from matplotlib.patches import Rectangle

        axes.add_patch(Rectangle((low_q, place - 0.32), high_q - low_q, 0.64, **box))
        axes.plot([median, median], [place - 0.32, place + 0.32], color="0.15", linewidth=1.6, zorder=3)
    mean = max(float(values.mean()), low * 1.02)
    axes.scatter(
        mean, place, marker="D", s=34, color=style.colour, edgecolors="white", linewidths=0.9, zorder=5
    )  # fmt: skip


def _draw_paper(axes: Axes, place: int, row: PaperRow | None) -> None:
    """The paper's mean of the same method."""
    if row is not None:
        axes.scatter(row.values[_METRIC].mean, place + 0.42, marker="^", s=26, color="0.1", linewidths=0, zorder=6)


def _draw_legend(axes: Axes) -> None:
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "0.4", "linestyle": "none"}
    dark: dict[str, Any] = {"markeredgecolor": "0.15", "linestyle": "none"}
    handles = [
        Line2D([], [], marker="o", markersize=4, label="case", **grey),
        Line2D([], [], marker="D", markersize=5.5, markeredgecolor="white", label="mean", **grey),
        Line2D([], [], marker="^", markersize=5, markerfacecolor="0.1", label="paper’s mean", **dark),
        Line2D([], [], marker="s", markersize=7, markerfacecolor="none", label="quartiles", **dark),
    ]
    axes.legend(
        handles=handles, ncols=4, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.06), columnspacing=1.2,
        handletextpad=0.3, borderaxespad=0,
    )  # fmt: skip


def _draw_share(
    axes: Axes, values: NDArray[np.float64], total: int, style: MethodStyle, name: str, low: float, high: float
) -> None:
    """Empirical distribution function, from edge to edge; failed cases keep it below one."""
    if values.size == 0:
        return
    x = np.concatenate([[low], np.maximum(values, low), [high]])
    y = np.concatenate([[0.0], np.arange(1, values.size + 1) / total, [values.size / total]])
    axes.step(x, y, where="post", color=style.colour, linestyle=style.line, linewidth=1.6, label=name)
