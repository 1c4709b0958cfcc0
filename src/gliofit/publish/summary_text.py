"""Text of a summary: theta with intervals, quality of the fit, and notes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gliofit.figures.style import SMALL
from gliofit.growth.space import Parameter
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.publish.interval_text import amounts, interval_kind
from gliofit.report.numbers import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches between lines, and characters of a line of notes.
_LINE, _CHARACTERS = 0.128, 84


def draw_text(
    panel: Axes,
    row: Mapping[str, Any],
    dice: Mapping[str, float],
    facts: Mapping[str, str],
    legend: Sequence[tuple[str, str, str]],
) -> None:
    """Write the results of a fit into empty axes.

    Parameters
    ----------
    panel
        Empty axes.
    row
        Row of ``parameters.parquet``.
    dice, facts
        Dice by region, and further lines by name.
    legend
        Return colour, style and meaning of the contours.
    """
    panel.axis("off")
    figure = panel.get_figure()
    tall = panel.get_position().height * figure.get_size_inches()[1]  # type: ignore[union-attr]
    panel.set(xlim=(0, 1), ylim=(tall, 0))
    y = 0.08
    for colour, style, meaning in legend:
        # Grey background as in the pictures, for light colours.
        panel.plot([0, 0.1], [y, y], color="0.33", linewidth=4.5, solid_capstyle="butt")
        panel.plot([0, 0.1], [y, y], color=colour, linestyle=style, linewidth=1.0)
        panel.text(0.12, y, meaning, va="center")
        y += _LINE
    y += 0.6 * _LINE
    suffix = interval_kind(row)
    heading = {"none": "", "": f"{INTERVAL_LEVEL:.0%} interval", "_profile": f"{INTERVAL_LEVEL:.0%} profile interval"}
    for x, text in ((0, "parameter"), (0.33, "estimate"), (0.6, heading[suffix])):
        panel.text(x, y, text, va="center", weight="bold")
    y += _LINE
    for amount in amounts(row).values():
        value, ends = amount.text
        if amount.interval is None and suffix != "none" and isinstance(amount.quantity, Parameter):
            ends = "fixed, or at its bound"
        for x, text in ((0, amount.quantity.symbol), (0.33, f"{value} {amount.quantity.unit}"), (0.6, ends)):
            panel.text(x, y, text, va="center")
        y += _LINE
    y += 0.6 * _LINE
    voxel = ", ".join(f"{row[f'origin_{letter}']:.1f}" for letter in "ijk")
    lines = {"origin, voxel": voxel, "status": str(row["status"]), "loss": f"{row['loss']:.4g}"}
    regions = {"whole": "whole tumour"}
    lines |= {f"Dice, {regions.get(name, name)}": format_quantity(value, form=".3f") for name, value in dice.items()}
    lines |= {"time": f"{row['wall_seconds']:.1f} s, {row['evaluations']} evaluations"} | dict(facts)
    for name, value in lines.items():
        panel.text(0, y, name, va="center")
        panel.text(0.33, y, value, va="center")
        y += _LINE
    _notes(panel, str(row.get("message") or ""), y + 0.6 * _LINE, tall)


def _notes(panel: Axes, message: str, y: float, tall: float) -> None:
    """Write wrapped notes; those that do not fit are only in the table of results."""
    if not message:
        return
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
    for line in lines:
        panel.text(0, y, line, va="center", fontsize=SMALL)
        y += step
