"""Figure 6: error of surrogates against the parameters and the size of the tumour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.assess.surrogate_figure import descriptors, surrogate_figure
from gliofit.figures.style import letter_panel
from gliofit.growth.model import parameters_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3


def running_median(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute medians of x and y in windows of a fifth of the points (at least five) that overlap by half."""
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


def draw_figure6(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``figure6.png`` and ``.pdf``: MSE on the cube of every test tumour in the atlas, with running medians.

    The rows are those of ``assess_forward``.
    """
    volume, *derived = descriptors(rows)
    shown = [*((p.column, 1.0, p.axis_label) for p in parameters_in(rows)), *derived, volume]
    shown.append(("origin_distance_mm", 1.0, "origin from the cube’s centre (mm)"))
    # One panel is left for the legend.
    lines = -(-(len(shown) + 1) // _COLUMNS)
    with surrogate_figure(rows, 1.95 * lines, out_dir, "figure6", dpi) as page:
        panels = page.figure.subplots(lines, _COLUMNS, sharey=True).ravel()
        for axes, letter, (column, factor, label) in zip(panels, "abcdefghijk", shown, strict=False):
            for model, colour in page.colours.items():
                part = page.rows[page.rows["model"] == model]
                _draw(axes, part[column].to_numpy(float) * factor, part["mse_cube"].to_numpy(float), colour)
            axes.set_xlabel(label)
            axes.grid()
            letter_panel(axes, letter)
        for axes in panels[::_COLUMNS]:
            page.label_errors(axes)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        title = "points: test tumours\nlines: running medians"
        panels[-1].legend(handles=page.handles(), loc="center", title=title)


def _draw(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> None:
    # Zero is not shown on a logarithmic axis.
    kept = np.isfinite(x) & (y > 0)
    axes.scatter(x[kept], y[kept], s=4, color=colour, alpha=0.35, linewidths=0, zorder=2)
    axes.plot(*running_median(x[kept], y[kept]), color=colour, linewidth=1.5, zorder=3)
