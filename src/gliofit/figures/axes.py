"""Labels of logarithmic axes."""

from __future__ import annotations

from math import ceil, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis

#: Range of numbers in plain notation; others are powers of ten.
_PLAIN = (0.999e-3, 1e5)
#: Largest number of labelled decades.
_MOST_DECADES = 8


def label_log_axis(axis: Axis) -> None:
    """Label a logarithmic axis, whose limits are set, at round numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = sorted(axis.get_view_interval())
    # Fewer decades leave room for more numbers; powers of ten are longer than plain numbers.
    plain = ((10, (1, 1.5, 2, 3, 4, 5, 7)), (1e2, (1, 2, 5)), (1e4, (1, 3)), (float("inf"), (1,)))
    powers = ((10, (1, 2, 5)), (float("inf"), (1,)))
    choices = plain if low >= _PLAIN[0] and high < _PLAIN[1] else powers
    digits = next(digits for limit, digits in choices if high / low < limit)
    step = max(1, ceil(log10(high / low) / _MOST_DECADES))
    ticks = [digit * 10.0**power for power in range(-30 * step, 30, step) for digit in digits]
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    axis.set_minor_locator(NullLocator())


def _number(value: float) -> str:
    if _PLAIN[0] <= value < _PLAIN[1]:
        return f"{value:g}"
    digit, power = f"{value:.1e}".split("e")
    times = "" if digit == "1.0" else rf"{float(digit):g} \times "
    return rf"${times}10^{{{int(power)}}}$"
