"""Colours of the viewer's maps: what a value looks like, and from where on it hides what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ViewerColours", "cell_colours", "deviation_colours", "difference_colours"]

#: Steps of the tables; the viewer interpolates between them.
_STEPS = 65


@dataclass(frozen=True)
class ViewerColours:
    """A map of colours.

    Parameters
    ----------
    name
        Name of a table of matplotlib.
    title
        What the colour bar says.
    symbol
        Sign of what is shown, for the read-out.
    low, high
        Ends of the scale.
    opacity
        From values to opacities, 0 to 1.
    start
        Where the table begins, 0 to 1: what is darker is left out.
    """

    name: str
    title: str
    symbol: str
    low: float
    high: float
    opacity: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    start: float = 0.0

    def table(self) -> dict[str, Any]:
        """The map as the viewer reads it: red, green, blue and opacity at evenly spaced values, 0 to 255."""
        from matplotlib import colormaps

        shades = colormaps[self.name](np.linspace(self.start, 1, _STEPS))
        alpha = np.clip(self.opacity(np.linspace(self.low, self.high, _STEPS)), 0, 1)
        columns = np.rint(255 * np.column_stack([shades[:, :3], alpha])).astype(int).T
        steps = np.rint(np.linspace(0, 255, _STEPS)).astype(int)
        return {
            "title": self.title,
            "symbol": self.symbol,
            "range": [self.low, self.high],
            **{letter: column.tolist() for letter, column in zip("RGBA", columns, strict=True)},
            "I": steps.tolist(),
        }


def cell_colours() -> ViewerColours:
    """Tumour-cell concentration: as in the page's picture, few cells let the anatomy through."""
    return ViewerColours("inferno", "tumour-cell concentration c", "c", 0.0, 1.0, lambda c: c / 0.2, start=0.15)


def deviation_colours(most: float) -> ViewerColours:
    """Standard deviation of the concentration, from 0 to ``most``."""

    def opacity(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(values > 0.05 * most, 1.0, 0.0)

    return ViewerColours("viridis", "standard deviation of c", "SD of c", 0.0, most, opacity)


def difference_colours(most: float) -> ViewerColours:
    """Estimate minus truth, from ``-most`` (blue) to ``most`` (red)."""
    return ViewerColours(
        "RdBu_r", "estimate − truth", "Δc", -most, most, lambda values: np.abs(values) / (0.3 * most)
    )
