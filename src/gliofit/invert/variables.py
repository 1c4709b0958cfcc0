"""Variables of an optimiser, and the outcome of its search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.growth.space import Bounds, ParameterSpace


class SearchOutcome(NamedTuple):
    """Best parameters, shape (n,), and loss of a search, whether it converged, and the criterion that ended it."""

    theta: NDArray[np.float64]
    loss: float
    converged: bool
    reason: str


@dataclass(frozen=True, eq=False)
class Variables:
    """Invertible map between parameters, shape (n,), and the k free variables of an optimiser.

    The coordinate of a free parameter is ``offset + scale * variable``; ``log`` is the mask of parameters whose
    coordinate is the logarithm, ``held_origin_mm`` the fixed origin.
    """

    space: ParameterSpace
    bounds: Bounds
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    log: NDArray[np.bool_]
    held_origin_mm: ArrayLike | None

    @classmethod
    def unit(
        cls, space: ParameterSpace, bounds: Bounds, held_origin_mm: ArrayLike | None = None, logarithms: bool = False
    ) -> Variables:
        """Map the bounds of each free parameter to [0, 1], optionally in logarithms (``ParameterSpace.log``)."""
        log = space.log & logarithms
        lower, upper = _log_where(bounds.lower, log), _log_where(bounds.upper, log)
        return cls(space, bounds, lower, upper - lower, log, held_origin_mm)

    @classmethod
    def raw(
        cls, space: ParameterSpace, bounds: Bounds, centre_mm: ArrayLike, held_origin_mm: ArrayLike | None = None
    ) -> Variables:
        """Map as in the paper: positions relative to the centre as fractions of its volume, the others unchanged."""
        offset, no_log = space.relative_to(centre_mm), np.zeros(len(space), bool)
        return cls(space, bounds, offset, space.paper_scale, no_log, held_origin_mm)

    @property
    def free(self) -> NDArray[np.bool_]:
        """Mask of free parameters, shape (n,)."""
        return self.space.free(self.held_origin_mm is not None)

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower bounds of the free variables."""
        return self.encode(self.bounds.lower)

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bounds of the free variables."""
        return self.encode(self.bounds.upper)

    def encode(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Convert parameters, shape (..., n), to free variables, shape (..., k)."""
        theta = np.asarray(theta, dtype=np.float64)
        return ((_log_where(theta, self.log) - self.offset) / self.scale)[..., self.free]

    def decode(self, variables: Any, library: Any = np) -> Any:
        """Convert free variables, shape (..., k), to parameters, shape (..., n); ``library`` is numpy or torch."""
        fixed = np.zeros(len(self.space))
        fixed[:3] = 0 if self.held_origin_mm is None else self.held_origin_mm
        columns = [library.full_like(variables[..., 0], float(value)) for value in fixed]
        for position, index in enumerate(np.flatnonzero(self.free)):
            column = variables[..., position] * float(self.scale[index]) + float(self.offset[index])
            columns[index] = library.exp(column) if self.log[index] else column
        return library.stack(columns, -1)


def _log_where(values: NDArray[Any], log: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(log, np.log(np.where(log, values, 1.0)), values)
