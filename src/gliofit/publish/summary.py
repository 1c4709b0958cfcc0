"""Summary of one fit: observation, fit, residual, uncertainty and convergence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.figures.axes import label_log_axis
from gliofit.figures.colours import (
    BLUE,
    CHANGE,
    DEVIATION,
    GREEN,
    MISSED,
    MODEL,
    ORANGE,
    PURPLE,
    SKY,
    TOO_MUCH,
    VERMILION,
    WHOLE,
    cells_map,
)  # fmt: skip
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, draw_edge, finish_slice
from gliofit.figures.style import HEADING, TWO_COLUMNS, figure_style, save_picture
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD, dice
from gliofit.publish.slices import PLANES, PatientSlices
from gliofit.publish.summary_text import draw_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Default thresholds of the imaging model.
_THRESHOLDS = {"threshold_whole": WHOLE_THRESHOLD, "threshold_core": CORE_THRESHOLD}
# Inches: widest picture, gaps, left margin, space for titles, keys, trace and text.
_WIDEST, _GAP, _LEFT, _TOP, _KEYS, _TRACE, _TEXT = 2.2, 0.04, 0.24, 0.44, 0.42, 2.1, 3.3
_DPI = 200
# Colours of regions and levels of a search.
_WHOLE_REGION, _CORE_REGION = GREEN, VERMILION
_LEVELS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)


@dataclass(frozen=True, eq=False)
class SummaryPage:
    """Content of the page; volumes and masks are on the tissue's grid.

    Parameters
    ----------
    tissue
        Tissue, the background of the pictures.
    fitted
        Concentration of the forward simulation.
    observed
        Observed concentration, or the one that represents an observed segmentation.
    trace
        Table with columns ``evaluation``, ``loss`` and ``level``.
    row
        Row of ``parameters.parquet``.
    whole, core
        Masks if a segmentation was observed; the residual is then that of the whole tumour.
    deviation
        Standard deviation of the concentration, if known.
    facts
        Further lines of the text, by name.
    """

    tissue: Tissue
    fitted: Volume
    observed: Volume
    trace: pd.DataFrame
    row: Mapping[str, Any]
    whole: NDArray[np.bool_] | None = None
    core: NDArray[np.bool_] | None = None
    deviation: Volume | None = None
    facts: Mapping[str, str] | None = None

    def threshold(self, name: str) -> float:
        """Return ``threshold_whole`` or ``threshold_core`` of the row, or the default."""
        value = float(self.row.get(name, np.nan))
        return value if np.isfinite(value) else _THRESHOLDS[name]

    def dice(self) -> dict[str, float]:
        """Return the Dice of the fit with the observed regions, by region."""
        found = {}
        for name, mask in (("whole", self.whole), ("core", self.core)):
            if mask is not None:
                found[name] = dice(self.fitted.data > self.threshold(f"threshold_{name}"), mask)
        return found


def plot_summary(path: str | Path, page: SummaryPage) -> None:
    """Write ``summary.png``: pictures in three planes, the trace of the loss, and text."""
    with figure_style():
        save_picture(_draw(page), path, _DPI)


def _draw(page: SummaryPage) -> Figure:
    tissue = page.tissue
    brain = Volume((tissue.wm + 0.6 * tissue.gm + 0.15 * tissue.csf).astype(np.float32), tissue.grid)
    slices = PatientSlices.through(page.observed, Volume(brain.data > 0.05, tissue.grid))
    columns, background, edges = _columns(page), slices.cut(brain.data), _edges(page, slices)
    width = min(_WIDEST, (TWO_COLUMNS - _LEFT) / len(columns) - _GAP)
    heights = [width * up / across for across, up in map(slices.size_mm, PLANES)]
    below = _TOP + sum(heights) + 3 * _GAP + _KEYS
    sheet = Sheet(TWO_COLUMNS, below + _TEXT)
    sheet.text(_LEFT, 0.17, f"{page.row['case']}: {page.row['method']}", fontsize=HEADING, weight="bold")
    for number, column in enumerate(columns):
        cuts, x, y = slices.cut(column.data), _LEFT + number * (width + _GAP), _TOP
        sheet.text(x + width / 2, y - 0.05, column.title, ha="center")
        for plane, tall in zip(PLANES, heights, strict=True):
            panel, frame = sheet.axes(x, y, width, tall), slices.frame(plane)
            panel.imshow(background[plane.name], cmap="gray", vmin=0, vmax=1.4, **frame)
            layer = panel.imshow(np.ma.masked_invalid(cuts[plane.name]), **column.look, **frame)
            for mask, colour, style in edges:
                draw_edge(panel, mask[plane.name], 0.5, colour, style, width=0.8, **frame)
            finish_slice(panel, plane.left, plane.right)
            if number == 0:
                panel.set_ylabel(f"{plane.name}, {slices.position_text(plane)}", labelpad=3)
                add_scale_bar(panel)
            y += tall + _GAP
        _key(sheet, column, layer, x, y, width)
    _trace(sheet.axes(0.5, below + 0.2, 2.05, _TRACE - 0.2), page.trace)
    text = sheet.axes(2.75, below, TWO_COLUMNS - 2.8, sheet.height - below)
    draw_text(text, page.row, page.dice(), page.facts or {}, _legend(page))
    return sheet.figure


def _edges(page: SummaryPage, slices: PatientSlices) -> list[tuple[dict[str, NDArray[Any]], str, str]]:
    """Return contours: masks by plane, colour and style."""
    fit, found = page.fitted.data, []
    for name, mask in (("whole", page.whole), ("core", page.core)):
        threshold = page.threshold(f"threshold_{name}")
        if mask is None and page.whole is None and name == "whole":
            mask = page.observed.data > threshold
        if mask is not None:
            found.append((slices.cut(mask), WHOLE, "solid"))
            found.append((slices.cut(fit > threshold), MODEL, "dashed"))
    return found


def _legend(page: SummaryPage) -> list[tuple[str, str, str]]:
    """Return colour, style and meaning of the contours."""
    cuts = [page.threshold("threshold_whole")] + ([page.threshold("threshold_core")] if page.core is not None else [])
    at = "c = " + " and ".join(f"{cut:.2f}" for cut in cuts)
    regions = "whole tumour" if page.core is None else "whole tumour and core"
    seen = f"observed, {at}" if page.whole is None else f"observed {regions}"
    return [(WHOLE, "solid", seen), (MODEL, "dashed", f"fit, {at}")]


@dataclass(frozen=True, eq=False)
class _Column:
    """Column of pictures: values (NaN is transparent), arguments of ``imshow``, and key."""

    title: str
    data: NDArray[Any]
    look: dict[str, Any]
    label: str
    #: Colours and names of categories.
    kinds: tuple[tuple[str, str], ...] = ()


def _columns(page: SummaryPage) -> list[_Column]:
    """Return the columns of a fit."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    def hidden(data: NDArray[Any], below: float) -> NDArray[Any]:
        return np.where(np.abs(data) < below, np.nan, data)

    def kinds(data: NDArray[Any], colours: list[str]) -> tuple[NDArray[Any], dict[str, Any]]:
        look = {"cmap": ListedColormap(colours), "vmin": 0.5, "vmax": len(colours) + 0.5, "interpolation": "nearest"}
        return np.where(data == 0, np.nan, data), look | {"alpha": 0.55}

    amount: dict[str, Any] = {"cmap": cells_map(), "vmin": 0, "vmax": 1, "alpha": 0.85}
    label = "concentration c (no unit)"
    fit, target = page.fitted.data, page.observed.data
    fitted = _Column("fit", hidden(fit, 0.01), amount, label)
    if page.whole is None:
        most = _round_up(float(np.abs(fit - target).max()))
        # Small differences are transparent.
        colours = colormaps[CHANGE](np.linspace(0, 1, 256))
        colours[:, 3] = np.minimum(1, 2.5 * np.abs(np.linspace(-1, 1, 256)))
        look = {"cmap": ListedColormap(colours), "vmin": -most, "vmax": most}
        columns = [
            _Column("observation", hidden(target, 0.01), amount, label),
            fitted,
            _Column("fit - observation", hidden(fit - target, 0.02 * most), look, "difference of c (no unit)"),
        ]
    else:
        whole = page.whole
        core = np.zeros_like(whole) if page.core is None else page.core
        names = (_WHOLE_REGION, "whole tumour"), (_CORE_REGION, "core")
        regions, region_look = kinds(np.where(core, 2, whole.astype(int)), [_WHOLE_REGION, _CORE_REGION])
        found = fit > page.threshold("threshold_whole")
        missed, missed_look = kinds(np.where(whole & ~found, 1, 2 * (found & ~whole)), [MISSED, TOO_MUCH])
        sides = (MISSED, "missed"), (TOO_MUCH, "too much")
        columns = [
            _Column("observation", regions, region_look, "", names if page.core is not None else names[:1]),
            fitted,
            _Column("residual, whole tumour", missed, missed_look, "", sides),
        ]
    if page.deviation is not None:
        spread = page.deviation.data
        most = _round_up(float(spread.max()))
        look = {"cmap": DEVIATION, "vmin": 0, "vmax": most, "alpha": 0.85}
        columns.append(
            _Column("standard deviation of c", hidden(spread, 0.02 * most), look, "standard deviation of c (no unit)")
        )
    return columns


def _round_up(value: float) -> float:
    """Return the next round number, at most 1, as end of a colour scale."""
    if not value > 1e-4:
        return 1e-4
    power = 10 ** np.floor(np.log10(value))
    return float(min(1, power * next(step for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if step * power >= 0.999 * value)))


def _key(sheet: Sheet, column: _Column, layer: Any, x: float, y: float, width: float) -> None:
    """Draw a colour scale or the names of categories below a column."""
    if not column.kinds:
        sheet.bar(layer, x + 0.1, y + 0.04, width - 0.2, 0.07, column.label).ax.locator_params(nbins=4)
        return
    from matplotlib.patches import Patch

    panel = sheet.axes(x, y, width, 0.3)
    panel.axis("off")
    patches = [Patch(color=colour, alpha=0.7, label=name) for colour, name in column.kinds]
    panel.legend(handles=patches, loc="upper center", ncols=2, borderaxespad=0.2, columnspacing=1, handlelength=1.2)


def _trace(panel: Axes, trace: pd.DataFrame) -> None:
    """Plot the loss by evaluation. Losses of different levels are not comparable and have different colours."""
    shown = trace[np.isfinite(trace["loss"])]
    if shown.empty:
        panel.axis("off")
        return
    levels = shown["level"].unique() if "level" in shown else [""]
    for number, level in enumerate(levels):
        part = shown[shown["level"] == level] if "level" in shown else shown
        colour = _LEVELS[number % len(_LEVELS)]
        panel.plot(part["evaluation"], part["loss"], ".", color=colour, markersize=2.5, alpha=0.5)
        panel.plot(part["evaluation"], part["loss"].cummin(), color=colour, label=level or "best so far")
    panel.set(
        xlabel="evaluation", ylabel="loss (no unit; levels not comparable)" if len(levels) > 1 else "loss (no unit)"
    )
    # A logarithmic axis over less than a decade would have identical labels.
    if (shown["loss"] > 0).all() and shown["loss"].max() > 10 * shown["loss"].min():
        panel.set_yscale("log")
        label_log_axis(panel.yaxis)
    if panel.get_legend_handles_labels()[1]:
        panel.legend(
            ncols=min(3, len(levels)), loc="lower right", bbox_to_anchor=(1, 1), handlelength=1.2, columnspacing=1
        )
