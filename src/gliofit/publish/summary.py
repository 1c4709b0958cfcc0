"""Summary of one fit: observation, fit, residual, uncertainty and convergence."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from gliofit.figures.style import HEADING, SMALL, TWO_COLUMNS, figure_style, save_picture
from gliofit.growth.space import Parameter
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD, dice
from gliofit.publish.interval_text import amounts, interval_kind
from gliofit.publish.slices import PLANES, PatientSlices
from gliofit.report.numbers import format_quantity

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Default thresholds of the imaging model.
_THRESHOLDS = {"threshold_whole": WHOLE_THRESHOLD, "threshold_core": CORE_THRESHOLD}
# Inches: widest picture, gaps, left margin, space for titles, keys, trace and text.
_WIDEST, _GAP, _LEFT, _TOP, _KEYS, _TRACE, _TEXT = 2.2, 0.04, 0.24, 0.44, 0.42, 2.1, 3.3
# Inches between lines, and characters of a line of notes.
_LINE, _CHARACTERS = 0.128, 84
_DPI = 200
_LEVEL_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)


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
        regions = {"whole": self.whole, "core": self.core}
        return {
            name: dice(self.fitted.data > self.threshold(f"threshold_{name}"), mask)
            for name, mask in regions.items()
            if mask is not None
        }


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
        _draw_key(sheet, column, layer, x, y, width)
    _draw_trace(sheet.axes(0.5, below + 0.2, 2.05, _TRACE - 0.2), page.trace)
    text = sheet.axes(2.75, below, TWO_COLUMNS - 2.8, sheet.height - below)
    _draw_text(text, page)
    return sheet.figure


def _edges(page: SummaryPage, slices: PatientSlices) -> list[tuple[dict[str, NDArray[Any]], str, str]]:
    """Return contours: masks by plane, colour and style."""
    edges = []
    for name, mask in (("whole", page.whole), ("core", page.core)):
        threshold = page.threshold(f"threshold_{name}")
        if mask is None and page.whole is None and name == "whole":
            mask = page.observed.data > threshold
        if mask is not None:
            edges.append((slices.cut(mask), WHOLE, "solid"))
            edges.append((slices.cut(page.fitted.data > threshold), MODEL, "dashed"))
    return edges


@dataclass(frozen=True, eq=False)
class _Column:
    """Column of pictures: values (NaN is transparent), arguments of ``imshow``, and key.

    ``kinds`` are colours and names of categories.
    """

    title: str
    data: NDArray[Any]
    look: dict[str, Any]
    label: str = ""
    kinds: tuple[tuple[str, str], ...] = ()


def _columns(page: SummaryPage) -> list[_Column]:
    """Return the columns of a fit."""
    amount: dict[str, Any] = {"cmap": cells_map(), "vmin": 0, "vmax": 1, "alpha": 0.85}
    label = "concentration c (no unit)"
    fit, observed = page.fitted.data, page.observed.data
    fitted = _Column("fit", _hide(fit, 0.01), amount, label)
    if page.whole is None:
        observation = _Column("observation", _hide(observed, 0.01), amount, label)
        columns = [observation, fitted, _difference_column(fit - observed)]
    else:
        whole, core = page.whole, np.zeros_like(page.whole) if page.core is None else page.core
        regions = ((GREEN, "whole tumour"), (VERMILION, "core"))
        observation = _category_column("observation", np.where(core, 2, whole.astype(int)), regions)
        if page.core is None:
            observation = replace(observation, kinds=regions[:1])
        inside = fit > page.threshold("threshold_whole")
        missed = np.where(whole & ~inside, 1, 2 * (inside & ~whole))
        residual = _category_column("residual, whole tumour", missed, ((MISSED, "missed"), (TOO_MUCH, "too much")))
        columns = [observation, fitted, residual]
    if page.deviation is not None:
        deviation = page.deviation.data
        most = _round_up(float(deviation.max()))
        look = {"cmap": DEVIATION, "vmin": 0, "vmax": most, "alpha": 0.85}
        title = "standard deviation of c"
        columns.append(_Column(title, _hide(deviation, 0.02 * most), look, f"{title} (no unit)"))
    return columns


def _hide(data: NDArray[Any], below: float) -> NDArray[Any]:
    """Make small values transparent."""
    return np.where(np.abs(data) < below, np.nan, data)


def _difference_column(difference: NDArray[Any]) -> _Column:
    """Return the column of fit minus observation; small differences are transparent."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    most = _round_up(float(np.abs(difference).max()))
    colours = colormaps[CHANGE](np.linspace(0, 1, 256))
    colours[:, 3] = np.minimum(1, 2.5 * np.abs(np.linspace(-1, 1, 256)))
    look = {"cmap": ListedColormap(colours), "vmin": -most, "vmax": most}
    return _Column("fit - observation", _hide(difference, 0.02 * most), look, "difference of c (no unit)")


def _category_column(title: str, data: NDArray[Any], kinds: tuple[tuple[str, str], ...]) -> _Column:
    """Return a column of categories 1, 2, ...; 0 is transparent."""
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([colour for colour, _ in kinds])
    look = {"cmap": colours, "vmin": 0.5, "vmax": len(kinds) + 0.5, "interpolation": "nearest", "alpha": 0.55}
    return _Column(title, np.where(data == 0, np.nan, data), look, kinds=kinds)


def _round_up(value: float) -> float:
    """Return the next round number, at most 1, as end of a colour scale."""
    if not value > 1e-4:
        return 1e-4
    power = 10 ** np.floor(np.log10(value))
    return float(min(1, power * next(step for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if step * power >= 0.999 * value)))


def _draw_key(sheet: Sheet, column: _Column, layer: Any, x: float, y: float, width: float) -> None:
    """Draw a colour scale or the names of categories below a column."""
    if not column.kinds:
        sheet.bar(layer, x + 0.1, y + 0.04, width - 0.2, 0.07, column.label).ax.locator_params(nbins=4)
        return
    from matplotlib.patches import Patch

    panel = sheet.axes(x, y, width, 0.3)
    panel.axis("off")
    patches = [Patch(color=colour, alpha=0.7, label=name) for colour, name in column.kinds]
    panel.legend(handles=patches, loc="upper center", ncols=2, borderaxespad=0.2, columnspacing=1, handlelength=1.2)


def _draw_trace(panel: Axes, trace: pd.DataFrame) -> None:
    """Plot the loss by evaluation. Losses of different levels are not comparable and have different colours."""
    trace = trace[np.isfinite(trace["loss"])]
    if trace.empty:
        panel.axis("off")
        return
    levels = trace["level"].unique() if "level" in trace else [""]
    for number, level in enumerate(levels):
        part = trace[trace["level"] == level] if "level" in trace else trace
        colour = _LEVEL_COLOURS[number % len(_LEVEL_COLOURS)]
        panel.plot(part["evaluation"], part["loss"], ".", color=colour, markersize=2.5, alpha=0.5)
        panel.plot(part["evaluation"], part["loss"].cummin(), color=colour, label=level or "best so far")
    unit = "no unit; levels not comparable" if len(levels) > 1 else "no unit"
    panel.set(xlabel="evaluation", ylabel=f"loss ({unit})")
    # A logarithmic axis over less than a decade would have identical labels.
    if (trace["loss"] > 0).all() and trace["loss"].max() > 10 * trace["loss"].min():
        panel.set_yscale("log")
        label_log_axis(panel.yaxis)
    panel.legend(ncols=min(3, len(levels)), loc="lower right", bbox_to_anchor=(1, 1), handlelength=1.2, columnspacing=1)


def _draw_text(panel: Axes, page: SummaryPage) -> None:
    """Write the results of a fit into empty axes: legend of the contours, theta, quality and notes."""
    row = page.row
    panel.axis("off")
    tall = panel.get_position().height * panel.get_figure().get_size_inches()[1]  # type: ignore[union-attr]
    panel.set(xlim=(0, 1), ylim=(tall, 0))
    y = 0.08
    for colour, style, meaning in _legend(page):
        # Grey background as in the pictures, for light colours.
        panel.plot([0, 0.1], [y, y], color="0.33", linewidth=4.5, solid_capstyle="butt")
        panel.plot([0, 0.1], [y, y], color=colour, linestyle=style, linewidth=1.0)
        panel.text(0.12, y, meaning, va="center")
        y += _LINE
    y += 0.6 * _LINE
    suffix = interval_kind(row)
    heading = {"none": "", "": f"{INTERVAL_LEVEL:.0%} interval", "_profile": f"{INTERVAL_LEVEL:.0%} profile interval"}
    y = _write_line(panel, y, ("parameter", "estimate", heading[suffix]), weight="bold")
    for amount in amounts(row).values():
        estimate, ends = amount.text
        if amount.interval is None and suffix != "none" and isinstance(amount.quantity, Parameter):
            ends = "fixed, or at its bound"
        y = _write_line(panel, y, (amount.quantity.symbol, f"{estimate} {amount.quantity.unit}", ends))
    y += 0.6 * _LINE
    voxel = ", ".join(f"{row[f'origin_{letter}']:.1f}" for letter in "ijk")
    lines = {"origin, voxel": voxel, "status": str(row["status"]), "loss": f"{row['loss']:.4g}"}
    for name, value in page.dice().items():
        region = "whole tumour" if name == "whole" else name
        lines[f"Dice, {region}"] = format_quantity(value, form=".3f")
    lines |= {"time": f"{row['wall_seconds']:.1f} s, {row['evaluations']} evaluations"} | dict(page.facts or {})
    for line in lines.items():
        y = _write_line(panel, y, line)
    if row.get("message"):
        _write_notes(panel, str(row["message"]), y + 0.6 * _LINE, tall)


def _legend(page: SummaryPage) -> list[tuple[str, str, str]]:
    """Return colour, style and meaning of the contours."""
    levels = f"c = {page.threshold('threshold_whole'):.2f}"
    regions = "whole tumour"
    if page.core is not None:
        levels += f" and {page.threshold('threshold_core'):.2f}"
        regions += " and core"
    observed = f"observed, {levels}" if page.whole is None else f"observed {regions}"
    return [(WHOLE, "solid", observed), (MODEL, "dashed", f"fit, {levels}")]


def _write_line(panel: Axes, y: float, texts: Sequence[str], **style: Any) -> float:
    """Write the cells of a line, and return the place of the next line."""
    for x, text in zip((0, 0.33, 0.6), texts, strict=False):
        panel.text(x, y, text, va="center", **style)
    return y + _LINE


def _write_notes(panel: Axes, message: str, y: float, tall: float) -> None:
    """Write wrapped notes; those that do not fit are only in the table of results."""
    panel.text(0, y, "notes", va="center", weight="bold")
    y += 0.9 * _LINE
    lines = [
        line
        for note in message.split("; ")
        for line in textwrap.wrap(note, _CHARACTERS, initial_indent="- ", subsequent_indent="  ")
    ]
    step = 0.85 * _LINE
    room = int((tall - y) / step)
    if len(lines) > room:
        lines = [*lines[: max(room - 1, 0)], "... (column message of parameters.parquet)"]
    for number, line in enumerate(lines):
        panel.text(0, y + number * step, line, va="center", fontsize=SMALL)
