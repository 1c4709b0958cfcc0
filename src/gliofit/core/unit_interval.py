"""Checks of values between 0 and 1: tissue maps and concentrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError


def tissue_fractions(data: NDArray[Any], subject: str | Path) -> NDArray[np.float32]:
    """Return a tissue map clipped to [0, 1], as float32.

    Interpolation overshoots by up to 0.01; values further outside, such as per cent or bytes, raise InputError
    (``tissue-scale``) about ``subject``.
    """
    return _within(data, 0.01, subject, "scale the tissue map to fractions between 0 and 1", "tissue-scale")


def concentration_values(data: NDArray[Any], subject: str | Path) -> NDArray[np.float32]:
    """Return tumour-cell concentrations clipped to [0, 1], as float32.

    Values more than 0.001 outside raise InputError (``concentration-scale``) about ``subject``.
    """
    return _within(data, 1e-3, subject, "give a tumour-cell concentration between 0 and 1", "concentration-scale")


def _within(data: NDArray[Any], tolerance: float, subject: str | Path, hint: str, code: str) -> NDArray[np.float32]:
    low, high = float(data.min()), float(data.max())
    if not np.isfinite([low, high]).all():
        raise InputError(subject, "holds values that are not finite", "replace NaN and infinity before use")
    if low < -tolerance or high > 1 + tolerance:
        raise InputError(subject, f"holds values from {low:g} to {high:g}", hint, code)
    return np.clip(data, 0, 1).astype(np.float32)
