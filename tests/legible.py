"""Whether a person can read a figure on paper."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

#: Widths of one and two columns of a journal, in inches, and the least size of text, in points.
WIDTHS, LEAST = (3.5, 7.2), 6.0


def written(figure: Figure, dpi: float = 150) -> list[tuple[Text, Any]]:
    """Every text that is really drawn, with its place in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    found: list[tuple[Text, Any]] = []
    draw = Text.draw

    def noting(text: Text, renderer: Any) -> None:
        draw(text, renderer)
        if text.get_visible() and text.get_text().strip():
            found.append((text, text.get_window_extent(renderer)))

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", noting)
        canvas.draw()
    return found


def complaints(figure: Figure) -> list[str]:
    """What makes a figure hard to read at its printed size."""
    width, height = figure.get_size_inches()
    found = [] if any(abs(width - right) < 0.01 for right in WIDTHS) else [f"{width:.2f} inches wide"]
    texts = written(figure)
    for text, box in texts:
        if text.get_fontsize() < LEAST:
            found.append(f"{text.get_text()!r} has {text.get_fontsize():.1f} points")
        if box.x0 < -2 or box.y0 < -2 or box.x1 > width * figure.dpi + 2 or box.y1 > height * figure.dpi + 2:
            found.append(f"{text.get_text()!r} is cut off")
    for (one, first), (other, second) in combinations(texts, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        up = min(first.y1, second.y1) - max(first.y0, second.y0)
        if across > 2 and up > 2:
            found.append(f"{one.get_text()!r} and {other.get_text()!r} lie over each other")
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            marks = {label.get_text() for label in axis.get_ticklabels() if label.get_visible()} & {
                text.get_text() for text, _ in texts
            }
            if axes.axison and any(_is_number(mark) for mark in marks) and not axis.get_label().get_text().strip():
                found.append(f"numbers {sorted(marks)[:3]} without a name and unit")
    return found


def _is_number(text: str) -> bool:
    return text.replace("−", "").replace(".", "").isdigit() or text.startswith(r"$\mathdefault{10^")


class Drawn:
    """Figures that were saved while a test ran, in their order."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def words(self, number: int) -> list[str]:
        """Texts of a figure; those on several lines in one."""
        return [text.get_text().replace("\n", " ") for text, _ in written(self.figures[number])]
