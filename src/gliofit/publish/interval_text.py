"""Estimates with their intervals as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from gliofit.growth.model import space_of
from gliofit.growth.space import Derived, Parameter, Quantity
from gliofit.invert.uncertainty import INTERVAL_LEVEL


@dataclass(frozen=True)
class Amount:
    """Value of a parameter or derived quantity, and its interval if known."""

    quantity: Quantity
    value: float
    interval: tuple[float, float] | None

    @property
    def text(self) -> tuple[str, str]:
        """Return value and interval as text."""
        return number(self.value, self.interval, self.quantity.decimals)

    @property
    def is_position(self) -> bool:
        """Whether the quantity is a component of the origin."""
        return isinstance(self.quantity, Parameter) and self.quantity.axis is not None


def amounts(row: Mapping[str, Any]) -> dict[str, Amount]:
    """Return the quantities of an estimate by name: parameters, derived quantities and origin.

    Parameters
    ----------
    row
        Row of ``parameters.parquet`` or of a table of true parameters.
    """
    space, suffix = space_of(row), interval_kind(row)
    parameters = [Amount(p, float(row[p.column]), interval(row, p.column, suffix)) for p in space.parameters]
    derived = [Amount(d, float(d.of(row)), _derived_interval(row, d)) for d in space.derived]
    ordered = [*(a for a in parameters if not a.is_position), *derived, *(a for a in parameters if a.is_position)]
    return {amount.quantity.name: amount for amount in ordered}


def interval_kind(row: Mapping[str, Any]) -> str:
    """Return the suffix of interval columns: profile if available, else covariance, else ``none``."""
    for suffix in ("_profile", ""):
        ends = [float(row.get(f"{column}{suffix}_low", np.nan)) for column in space_of(row).columns]
        if np.isfinite(ends).any():
            return suffix
    return "none"


def interval(row: Mapping[str, Any], name: str, suffix: str = "") -> tuple[float, float] | None:
    """Return the ends of a column's interval; None if unknown or of zero width (fixed parameters)."""
    low, high = (float(row.get(f"{name}{suffix}_{end}", np.nan)) for end in ("low", "high"))
    return (low, high) if low < high else None


def number(value: float, ends: tuple[float, float] | None, decimals: int = 2) -> tuple[str, str]:
    """Format a value and its interval with two significant digits of the interval's half width.

    ``decimals`` applies without an interval or with an open one.
    """
    if ends is None:
        return f"{value:.{decimals}f}", ""
    half = (ends[1] - ends[0]) / 2
    if np.isfinite(half):
        decimals = int(np.clip(1 - np.floor(np.log10(half)), 0, 4))
    return f"{value:.{decimals}f}", f"[{ends[0]:.{decimals}f}, {ends[1]:.{decimals}f}]"


def _derived_interval(row: Mapping[str, Any], quantity: Derived) -> tuple[float, float] | None:
    """Return the interval of a derived quantity, from the covariance of the parameters' logarithms."""
    covariance = row.get("covariance")
    if not isinstance(covariance, (list, np.ndarray)):
        return None
    deviation = space_of(row).deviation(quantity, np.asarray(covariance, dtype=float))
    if not deviation > 0:
        return None
    value, reach = float(quantity.of(row)), float(np.exp(stats.norm.ppf(0.5 + INTERVAL_LEVEL / 2) * deviation))
    return value / reach, value * reach
