"""Strip plots: values of many cases as points, with a box of their quartiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def jitter(count: int) -> NDArray[np.float64]:
    """Return offsets between -0.5 and 0.5 that spread points, as multiples of the golden ratio (reproducible)."""
    return np.arange(count, dtype=np.float64) * 0.6180339887 % 1 - 0.5


def draw_quartiles(
    axes: Axes, place: float, half: float, values: ArrayLike, *, upright: bool, edge: str = "0.15", width: float = 0.7
) -> None:
    """Draw the quartiles of values, shape (n,), as a box and the median as a line about twice as wide.

    ``place`` and ``half`` are the middle of the box and half its size across the values, which are along y if
    ``upright``.
    """
    from matplotlib.patches import Rectangle

    lower, median, upper = np.percentile(np.asarray(values, dtype=float), [25, 50, 75])
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": edge, "linewidth": width, "zorder": 3}
    corner, size = (lower, place - half), (upper - lower, 2 * half)
    line = [median, median], [place - half, place + half]
    if upright:
        corner, size, line = corner[::-1], size[::-1], line[::-1]
    axes.add_patch(Rectangle(corner, *size, **look))
    axes.plot(*line, color=edge, linewidth=1.9 * width, zorder=3)
