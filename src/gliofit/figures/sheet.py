"""A figure on which places are in inches from its left upper corner."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from gliofit.figures.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Sheet"]


class Sheet:
    """An empty figure.

    Placed by hand rather than by a solver, whose results differ in the last digits from run to run.

    Parameters
    ----------
    width, height
        Size in inches.

    Attributes
    ----------
    figure
        The figure.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose upper left corner is at (x, y)."""
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        """Text whose baseline is at y."""
        self.figure.text(x / self.width, 1 - y / self.height, text, **how)

    def title(self, x: float, bottom: float, text: str, characters: int) -> None:
        """Small text in as many lines as it needs, centred on x and ending at ``bottom``."""
        lines = textwrap.wrap(text, characters, break_on_hyphens=False, break_long_words=False)
        self.text(x, bottom, "\n".join(lines), ha="center", va="bottom", fontsize=SMALL, linespacing=1.05)

    def upright(self, x: float, y: float, text: str) -> None:
        """Small text that runs upwards, centred on a point."""
        self.text(x, y, text, rotation=90, ha="center", va="center", fontsize=SMALL, linespacing=1.05)

    def bar(self, layer: Any, x: float, y: float, width: float, height: float, label: str) -> Any:
        """Colour bar of a layer, upright where it is higher than wide."""
        along = "horizontal" if width > height else "vertical"
        bar = self.figure.colorbar(layer, cax=self.axes(x, y, width, height), orientation=along)
        # The layer's own opacities are none for the bar.
        if bar.solids is not None:
            bar.solids.set_alpha(1)
        bar.ax.tick_params(pad=1, length=2)
        bar.outline.set_linewidth(0.4)
        bar.set_label(label, labelpad=1)
        return bar
