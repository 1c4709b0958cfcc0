"""Values that must lie between 0 and 1: tissue maps and concentrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError

__all__ = ["concentration_values", "tissue_fractions"]


def tissue_fractions(data: NDArray[Any], subject: str | Path) -> NDArray[np.float32]:
    """Check that a tissue map holds fractions; a map in per cent or in bytes is refused, not guessed at.

    Parameters
    ----------
    data
        Values, any shape. Up to 0.01 outside [0, 1], as interpolation leaves it, is clipped.
    subject
        What messages call the map.

    Returns
    -------
    Fractions in [0, 1], of the same shape.

    Raises
    ------
    InputError
        If values lie further outside.
    """
    return _within(data, 0.01, subject, "scale the tissue map to fractions between 0 and 1", "tissue-scale")


def concentration_values(data: NDArray[Any], subject: str | Path) -> NDArray[np.float32]:
    """Check that values are tumour-cell concentrations; up to 0.001 outside [0, 1] is clipped.

    Parameters
    ----------
    data
        Values, any shape.
    subject
        What messages call the image.

    Returns
    -------
    Concentrations in [0, 1], of the same shape.

    Raises
    ------
    InputError
        If values lie further outside.
    """
    return _within(data, 1e-3, subject, "give a tumour-cell concentration between 0 and 1", "concentration-scale")


def _within(data: NDArray[Any], tolerance: float, subject: str | Path, hint: str, code: str) -> NDArray[np.float32]:
    low, high = float(data.min()), float(data.max())
    if not np.isfinite([low, high]).all():
        raise InputError(subject, "holds values that are not finite", "replace NaN and infinity before use")
    if low < -tolerance or high > 1 + tolerance:
        raise InputError(subject, f"holds values from {low:g} to {high:g}", hint, code)
    return np.clip(data, 0, 1).astype(np.float32)
