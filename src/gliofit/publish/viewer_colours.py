"""Colours of the viewer's maps: what a value looks like, and from where on it hides what is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gliofit.figures.colours import CHANGE, COVERING, DEVIATION, cells_map

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

__all__ = ["ViewerColours", "cell_colours", "deviation_colours", "difference_colours"]

#: Entries of the tables; the viewer interpolates between them.
_STEPS = 65


@dataclass(frozen=True)
class ViewerColours:
    """A map of colours, with the title of its bar, the symbol of its values and the ends of its scale.

    From the size ``fade`` on values are opaque; towards zero they become transparent.
    """

    colours: Colormap
    title: str
    symbol: str
    low: float
    high: float
    fade: float

    def table(self) -> dict[str, Any]:
        """The map as the viewer reads it, with red, green and blue at evenly spaced values, 0 to 255."""
        shades = np.rint(255 * self.colours(np.linspace(0, 1, _STEPS))[:, :3]).astype(int)
        return {
            "title": self.title,
            "symbol": self.symbol,
            "range": [self.low, self.high],
            "fade": self.fade,
            **{letter: column.tolist() for letter, column in zip("RGB", shades.T, strict=True)},
        }


def cell_colours() -> ViewerColours:
    """Tumour-cell concentration: as in the page's picture, few cells let the anatomy through."""
    return ViewerColours(cells_map(), "tumour-cell concentration c", "c", 0.0, 1.0, fade=COVERING)


def deviation_colours(most: float) -> ViewerColours:
    """Standard deviation of the concentration, from 0 to ``most``."""
    from matplotlib import colormaps

    return ViewerColours(colormaps[DEVIATION], "standard deviation of c", "SD of c", 0.0, most, fade=0.05 * most)


def difference_colours(most: float) -> ViewerColours:
    """Estimate minus truth, from ``-most`` (blue) to ``most`` (red)."""
    from matplotlib import colormaps

    return ViewerColours(colormaps[CHANGE], "estimate − truth", "Δc", -most, most, fade=0.2 * most)
