"""Errors of estimated growth parameters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gliofit.growth.space import Parameter
from gliofit.growth.theta import Theta
from gliofit.paper import EXTENT_MM


def error_columns(parameters: Iterable[Parameter]) -> tuple[str, ...]:
    """Return the names of parameter errors that tables summarise and test."""
    return (*(f"{parameter.name}_relative_error" for parameter in parameters), "origin_error_mm")


def parameter_errors(estimate: Theta, truth: Theta) -> dict[str, float]:
    """Compute the errors of the parameters that estimate and truth both have.

    Returns
    -------
    dict
        ``{name}_relative_error`` and, signed, ``{name}_bias`` of every parameter but the origin, relative to the truth
        and NaN where that is zero; ``origin_error_mm``, the distance of the origins; ``origin_error_fraction``, the
        paper's measure: the length of the offset with every axis in units of the 240 x 240 x 155 mm volume.
    """
    errors = {}
    found, true = (theta.space.row(theta.to_array()) for theta in (estimate, truth))
    for parameter in estimate.space.others:
        name, column = parameter.name, parameter.column
        if column in true:
            value = true[column] if true[column] > 0 else float("nan")
            errors[f"{name}_relative_error"] = abs(found[column] - value) / value
            errors[f"{name}_bias"] = found[column] / value - 1
    offset = np.asarray(estimate.origin_mm) - np.asarray(truth.origin_mm)
    errors["origin_error_mm"] = float(np.linalg.norm(offset))
    errors["origin_error_fraction"] = float(np.linalg.norm(offset / np.array(EXTENT_MM)))
    return errors
