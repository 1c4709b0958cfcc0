"""Mean, spread and range of theta in a training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.errors import InputError
from gliofit.paper import EXTENT_MM

__all__ = ["Normalisation"]

#: Scale of the paper's raw coefficients: origin as a fraction of the BraTS volume, mu as it is.
_PAPER_SCALE = np.array([*EXTENT_MM, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Shift and scale of theta, and the range it had in training; arrays of shape (5,).

    Theta is (dx, dy, dz, mu_D, mu_rho): the origin in mm from the centre of the cube, towards right, anterior and
    superior.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, theta: NDArray[Any], normalise: bool = True) -> Normalisation:
        """Statistics of (n, 5) thetas; with ``normalise=False`` shift and scale of the paper's raw coefficients."""
        theta = np.asarray(theta, dtype=np.float64)
        low, high = theta.min(axis=0), theta.max(axis=0)
        if not normalise:
            return cls(np.zeros(5), _PAPER_SCALE.copy(), low, high)
        std = theta.std(axis=0)
        # A component that never varies must not blow up the others' gradients.
        return cls(theta.mean(axis=0), np.where(std > 1e-9, std, 1.0), low, high)

    def merged(self, other: Normalisation) -> Normalisation:
        """Shift and scale of this one with the range of both."""
        return Normalisation(self.mean, self.std, np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def apply(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 5) thetas to what networks see."""
        return (np.asarray(theta, dtype=np.float64) - self.mean) / self.std

    def invert(self, normalised: NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 5) network values to thetas."""
        return self.mean + np.asarray(normalised, dtype=np.float64) * self.std

    def to_dict(self) -> dict[str, list[float]]:
        """As plain lists, for JSON."""
        return {name: [float(v) for v in getattr(self, name)] for name in ("mean", "std", "low", "high")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], subject: str) -> Normalisation:
        """From plain lists; raises InputError naming ``subject``."""
        try:
            arrays = [np.array(values[name], dtype=np.float64) for name in ("mean", "std", "low", "high")]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(subject, f"has no complete theta statistics ({error})", "train the model again") from error
        if any(array.shape != (5,) or not np.isfinite(array).all() for array in arrays):
            raise InputError(subject, "has theta statistics that are not five numbers", "train the model again")
        if (arrays[1] <= 0).any():
            raise InputError(subject, "has a spread of theta that is not positive", "train the model again")
        return cls(*arrays)
