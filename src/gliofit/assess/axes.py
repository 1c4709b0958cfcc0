"""Logarithmic axes with plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

__all__ = ["label_log_axis"]


def label_log_axis(axis: Axis, scale: float = 1.0) -> None:
    """Label an axis, logarithmic already, at round numbers, written such as 0.2.

    Parameters
    ----------
    axis
        ``axes.xaxis`` or ``axes.yaxis``; set its limits before.
    scale
        Factor from the axis's values to the numbers printed.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = axis.get_view_interval()
    # The fewer decades, the more numbers there is room for.
    choices = ((10, (1, 1.5, 2, 3, 4, 5, 7)), (1e3, (1, 2, 5)), (float("inf"), (1,)))
    digits = next(digits for reach, digits in choices if high / low < reach)
    ticks = [digit * 10.0**power / scale for power in range(-12, 13) for digit in digits]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * scale:g}"))
    axis.set_minor_locator(NullLocator())
