"""Colours and opacity of the viewer's maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gliofit.figures.colours import CHANGE, COVERING, DEVIATION, cells_map

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

#: Number of table entries; the viewer interpolates.
_STEPS = 65


@dataclass(frozen=True)
class ViewerColours:
    """Colour map with title, symbol and range.

    Absolute values above ``fade`` are opaque; smaller ones become transparent.
    """

    colours: Colormap
    title: str
    symbol: str
    low: float
    high: float
    fade: float

    def table(self) -> dict[str, Any]:
        """Return the map for the viewer: red, green and blue (0 to 255) at evenly spaced values."""
        shades = np.rint(255 * self.colours(np.linspace(0, 1, _STEPS))[:, :3]).astype(int)
        return {
            "title": self.title,
            "symbol": self.symbol,
            "range": [self.low, self.high],
            "fade": self.fade,
            **{letter: column.tolist() for letter, column in zip("RGB", shades.T, strict=True)},
        }


def cell_colours() -> ViewerColours:
    """Return the map of the tumour-cell concentration, transparent at low values."""
    return ViewerColours(cells_map(), "tumour-cell concentration c", "c", 0.0, 1.0, fade=COVERING)


def deviation_colours(most: float) -> ViewerColours:
    """Return the map of the standard deviation of the concentration, from 0 to ``most``."""
    from matplotlib import colormaps

    return ViewerColours(colormaps[DEVIATION], "standard deviation of c", "SD of c", 0.0, most, fade=0.05 * most)


def difference_colours(most: float) -> ViewerColours:
    """Return the map of estimate minus truth, from ``-most`` (blue) to ``most`` (red)."""
    from matplotlib import colormaps

    return ViewerColours(colormaps[CHANGE], "estimate − truth", "Δc", -most, most, fade=0.2 * most)
