"""Mean, standard deviation and range of theta in a training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.space import ParameterSpace

STATISTICS = ("mean", "std", "low", "high")


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Shift and scale of theta, and its range in training, shapes (n,); ``STATISTICS`` are its fields.

    Positions are in mm from the centre of the cube (right, anterior, superior).
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, theta: NDArray[Any], normalise: bool = True, space: ParameterSpace = SPACE) -> Normalisation:
        """Compute the statistics of thetas, shape (samples, n); without ``normalise`` the scale is the paper's."""
        theta = np.asarray(theta, dtype=np.float64)
        low, high = theta.min(axis=0), theta.max(axis=0)
        if not normalise:
            return cls(np.zeros(len(space)), space.paper_scale.copy(), low, high)
        std = theta.std(axis=0)
        # A constant parameter must not be scaled by rounding errors.
        return cls(theta.mean(axis=0), np.where(std > 1e-9, std, 1.0), low, high)

    def merged(self, other: Normalisation) -> Normalisation:
        """Return this shift and scale with the range of both."""
        return Normalisation(self.mean, self.std, np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], subject: str, space: ParameterSpace = SPACE) -> Normalisation:
        """Create from lists; raise InputError for ``subject`` if they are invalid."""
        try:
            arrays = [np.array(values[name], dtype=np.float64) for name in STATISTICS]
        except (KeyError, TypeError, ValueError) as error:
            problem = f"has incomplete statistics of theta ({error})"
            raise InputError(subject, problem, "train the model again") from error
        if any(array.shape != (len(space),) or not np.isfinite(array).all() for array in arrays):
            raise InputError(subject, f"lacks finite statistics of {len(space)} parameters", "train the model again")
        if (arrays[1] <= 0).any():
            raise InputError(subject, "has a standard deviation of theta that is not positive", "train the model again")
        return cls(*arrays)
