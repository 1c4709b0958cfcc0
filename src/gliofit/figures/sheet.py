"""Figures with positions in inches from the upper left corner."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from gliofit.figures.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sheet:
    """An empty figure of ``width`` x ``height`` inches.

    Axes have explicit positions, because those of a layout solver differ in the last digits from run to run.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add axes with the upper left corner at (x, y)."""
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        """Add text with its baseline at y."""
        self.figure.text(x / self.width, 1 - y / self.height, text, **how)

    def title(self, x: float, bottom: float, text: str, characters: int) -> None:
        """Add small text on several lines, centred on x and ending at ``bottom``."""
        lines = textwrap.wrap(text, characters, break_on_hyphens=False, break_long_words=False)
        self.text(x, bottom, "\n".join(lines), ha="center", va="bottom", fontsize=SMALL, linespacing=1.05)

    def upright(self, x: float, y: float, text: str) -> None:
        """Add small upward text, centred on a point."""
        self.text(x, y, text, rotation=90, ha="center", va="center", fontsize=SMALL, linespacing=1.05)

    def bar(self, layer: Any, x: float, y: float, width: float, height: float, label: str) -> Any:
        """Add the colour bar of a layer, vertical if it is higher than wide."""
        along = "horizontal" if width > height else "vertical"
        bar = self.figure.colorbar(layer, cax=self.axes(x, y, width, height), orientation=along)
        # A layer with an opacity per pixel has none for the bar.
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        bar.ax.tick_params(pad=1, length=2)
        bar.outline.set_linewidth(0.4)
        bar.set_label(label, labelpad=1)
        return bar
