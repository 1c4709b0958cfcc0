"""Figure 3: distribution of each method's errors over the cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.io import read_table
from gliofit.figures.axes import label_log_axis
from gliofit.figures.strips import draw_quartiles, jitter
from gliofit.figures.style import SMALL, TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.paper import paper_table
from gliofit.publish.cohort import Observed, figure_name, methods_shown
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import MethodStyle, method_name, method_styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METRIC = "mse_volume"


def draw_figure3(
    cohort_dir: str | Path, out_dir: str | Path, settings: PublishSettings, observed: Observed = "reference"
) -> None:
    """Draw the whole-volume MSE of every case by method, and its cumulative distribution.

    On synthetic cases the error is relative to the ground truth, on patients to the forward simulation of the reference
    method, and only methods with the same observation are compared.

    Parameters
    ----------
    cohort_dir
        ``evaluate/{cohort}`` with ``metrics.parquet``.
    out_dir
        Folder for ``figure3.png`` and ``.pdf``, or ``figure3-segmentation`` for methods that observed that.
    settings
        Names of methods and resolution.
    observed
        Observation of the methods to show if the cases are patients.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    label, paper = "MSE of c, whole volume (no unit)", paper_table(2)
    if (metrics["cohort"] == "patients").any():
        reference = metrics.loc[metrics["role"] == "reference", "method"]
        # The paper's means apply only to its observation.
        paper = paper_table(3) if observed == "reference" else {}
        if len(reference):
            name = method_name(str(reference.iloc[0]), settings.method_names)
            label = f"MSE of c against {name}\n(whole volume, no unit)"
        metrics = metrics[metrics["method"].isin(methods_shown(metrics, observed))]
    metrics = metrics[metrics["role"] != "reference"]
    methods = sorted((str(m) for m in metrics["method"].drop_duplicates()), key=lambda method: method == "oracle")
    scored = metrics[np.isfinite(metrics[_METRIC].astype(float))]
    errors = {m: np.sort(scored.loc[scored["method"] == m, _METRIC].to_numpy(dtype=float)) for m in methods}
    failed = metrics[metrics["status"] == "failed"].groupby("method").size().to_dict()
    styles = method_styles(methods)
    means = {method: row.values[_METRIC].mean for method, row in paper.items() if method in methods}
    low, high = _limits([np.array(list(means.values())), *errors.values()])

    with figure_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(TWO_COLUMNS, 0.95 + 0.23 * max(5, len(methods))), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1], gridspec_kw={"wspace": 0.03})
        for row, method in enumerate(methods):
            values, style = errors[method], styles[method]
            _draw_strip(left, row, values, style, low)
            if method in means:
                left.scatter(means[method], row + 0.4, marker="^", s=13, color="0.1", linewidths=0, zorder=6)
            _draw_line_style(left, row, style)
            count = f"n = {values.size}" + (f", {failed[method]} failed" if method in failed else "")
            place: dict[str, Any] = {"xy": (1.02, row), "xycoords": ("axes fraction", "data")}
            left.annotate(count, **place, va="center", fontsize=SMALL, color="0.35")
            _draw_distribution(right, values, values.size + failed.get(method, 0), style, low, high)
        left.set_yticks(range(len(methods)), [method_name(method, settings.method_names) for method in methods])
        # Room for the line styles of the other panel.
        left.tick_params(axis="y", length=0, pad=22)
        left.set_ylim(len(methods) - 0.4, -0.6)
        letter_panel(left, "a", "Error of every case")
        right.set(ylim=(0, 1.02), ylabel="cumulative fraction of cases")
        letter_panel(right, "b", "Cumulative distribution")
        for axes in (left, right):
            axes.set(xscale="log", xlim=(low, high), xlabel=label)
            label_log_axis(axes.xaxis)
            axes.grid(axis="x")
        _draw_legend(figure, bool(paper))
        save_figure(figure, out_dir, figure_name("figure3", observed), settings.dpi)


def _limits(errors: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return whole decades around all positive errors."""
    errors_of_all = np.concatenate(errors)
    positive = errors_of_all[errors_of_all > 0]
    if positive.size == 0:
        return 1e-6, 1e-1
    low, high = np.floor(np.log10(positive.min()) - 0.1), np.ceil(np.log10(positive.max()) + 0.1)
    return float(10.0**low), float(10.0**high)


def _draw_strip(axes: Axes, row: int, values: NDArray[np.float64], style: MethodStyle, low: float) -> None:
    """Draw all cases as points, the mean, and the quartiles of at least five cases."""
    if values.size == 0:
        axes.text(0.5, row, "no case with a score", transform=axes.get_yaxis_transform(), va="center", ha="center")
        return
    many = values.size > 60
    shown = np.maximum(values, low * 1.02)
    axes.scatter(
        shown, row + 0.5 * jitter(values.size), s=3 if many else 9, color=style.colour, alpha=0.25 if many else 0.75,
        linewidths=0, zorder=2, rasterized=many,
    )  # fmt: skip
    if values.size >= 5:
        draw_quartiles(axes, row, 0.32, shown, upright=False)
    mean = max(float(values.mean()), low * 1.02)
    axes.scatter(mean, row, marker="D", s=18, color=style.colour, edgecolors="white", linewidths=0.7, zorder=5)


def _draw_line_style(axes: Axes, row: int, style: MethodStyle) -> None:
    """Draw the line style of a method beside its name."""
    axes.annotate(
        "", (0, row), (-20, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": style.colour, "linestyle": style.line, "linewidth": 1.3, "shrinkA": 0,
                    "shrinkB": 3}, annotation_clip=False,
    )  # fmt: skip


def _draw_legend(figure: Figure, with_paper: bool) -> None:
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "0.4", "linestyle": "none"}
    dark: dict[str, Any] = {"markeredgecolor": "0.15", "linestyle": "none"}
    handles = [
        Line2D([], [], marker="o", markersize=3, label="case", **grey),
        Line2D([], [], marker="D", markersize=4, markeredgecolor="white", label="mean", **grey),
        Line2D([], [], marker="s", markersize=5, markerfacecolor="none", label="quartiles and median", **dark),
    ]
    if with_paper:
        handles.append(Line2D([], [], marker="^", markersize=3.5, markerfacecolor="0.1", label="paper’s mean", **dark))
    figure.legend(handles=handles, ncols=4, loc="outside lower left", columnspacing=1.4, handletextpad=0.2)


def _draw_distribution(
    axes: Axes, values: NDArray[np.float64], total: int, style: MethodStyle, low: float, high: float
) -> None:
    """Draw the empirical distribution function; failed cases keep it below one."""
    if values.size:
        x = np.concatenate([[low], np.maximum(values, low), [high]])
        y = np.concatenate([[0.0], np.arange(1, values.size + 1) / total, [values.size / total]])
        axes.step(x, y, where="post", color=style.colour, linestyle=style.line, linewidth=1.3)
