"""Errors of estimated growth parameters."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.paper import EXTENT_MM

__all__ = ["PARAMETER_ERRORS", "RATES", "parameter_errors"]

#: Parameters whose errors are relative to the truth, with their columns in tables of results.
RATES = MappingProxyType(dict(zip(SPACE.names[3:], SPACE.columns[3:], strict=True)))

#: Errors of an estimate that tables summarise and test.
PARAMETER_ERRORS = (*(f"{name}_relative_error" for name in RATES), "origin_error_mm")


def parameter_errors(estimate: Theta, truth: Theta) -> dict[str, float]:
    """Compute the errors of the five parameters.

    Parameters
    ----------
    estimate, truth
        Estimated and true parameters.

    Returns
    -------
    dict
        ``{rate}_relative_error`` and, signed, ``{rate}_bias`` of every rate, relative to the truth and NaN where that
        is zero; ``origin_error_mm``, the distance of the origins; ``origin_error_fraction``, the paper's measure: the
        length of the offset with every axis in units of the 240 x 240 x 155 mm volume.
    """
    errors = {}
    found, true = (dict(zip(SPACE.columns, theta.to_array().tolist(), strict=True)) for theta in (estimate, truth))
    for name, column in RATES.items():
        known = true[column] > 0
        errors[f"{name}_relative_error"] = abs(found[column] - true[column]) / true[column] if known else float("nan")
        errors[f"{name}_bias"] = found[column] / true[column] - 1 if known else float("nan")
    offset = np.asarray(estimate.origin_mm) - np.asarray(truth.origin_mm)
    errors["origin_error_mm"] = float(np.linalg.norm(offset))
    errors["origin_error_fraction"] = float(np.linalg.norm(offset / np.array(EXTENT_MM)))
    return errors
