"""Estimates with their intervals as text, for the command line and the summary page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from gliofit.invert.uncertainty import INTERVAL_LEVEL

__all__ = ["THETA_ROWS", "interval", "interval_kind", "number", "width_interval"]

#: Column of results, what people call it, and its unit.
THETA_ROWS = (
    ("mu_d_mm", "mu_D", "mm"),
    ("mu_rho", "mu_rho", ""),
    ("origin_x_mm", "origin x", "mm"),
    ("origin_y_mm", "origin y", "mm"),
    ("origin_z_mm", "origin z", "mm"),
)


def interval_kind(row: Mapping[str, Any]) -> str:
    """Suffix of the columns with the best intervals there are: of the profile, of the covariance, or none at all."""
    for suffix in ("_profile", ""):
        if np.isfinite([float(row.get(f"{name}{suffix}_low", np.nan)) for name, _, _ in THETA_ROWS]).any():
            return suffix
    return "none"


def interval(row: Mapping[str, Any], name: str, suffix: str = "") -> tuple[float, float] | None:
    """Ends of a column's interval; None where it is unknown or has no width, as for what was held."""
    low, high = (float(row.get(f"{name}{suffix}_{end}", np.nan)) for end in ("low", "high"))
    return (low, high) if low < high else None


def number(value: float, ends: tuple[float, float] | None, decimals: int = 2) -> tuple[str, str]:
    """A value and its interval as text, both with two significant digits of the interval's half width.

    With ``decimals`` without an interval, or where it is open.
    """
    if ends is None:
        return f"{value:.{decimals}f}", ""
    half = (ends[1] - ends[0]) / 2
    if np.isfinite(half):
        decimals = int(np.clip(1 - np.floor(np.log10(half)), 0, 4))
    return f"{value:.{decimals}f}", f"[{ends[0]:.{decimals}f}, {ends[1]:.{decimals}f}]"


def width_interval(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Interval of the front's width mu_D / mu_rho in mm, from the covariance of their logarithms."""
    covariance = row.get("covariance")
    if not isinstance(covariance, (list, np.ndarray)):
        return None
    matrix = np.asarray(covariance, dtype=float).reshape(5, 5)
    variance = matrix[3, 3] + matrix[4, 4] - 2 * matrix[3, 4]
    if not variance > 0:
        return None
    width = float(row["mu_d_mm"]) / float(row["mu_rho"])
    reach = float(np.exp(stats.norm.ppf(0.5 + INTERVAL_LEVEL / 2) * np.sqrt(variance)))
    return width / reach, width * reach
