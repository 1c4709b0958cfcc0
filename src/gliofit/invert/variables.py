"""The free parameters as an optimiser varies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.growth.space import Bounds, ParameterSpace

__all__ = ["Variables"]


@dataclass(frozen=True, eq=False)
class Variables:
    """An invertible map between parameters and the free variables of an optimiser.

    A free parameter is ``offset + scale * variable``, or the exponential of that where ``log`` is set. A parameter that
    is not free is not a variable and has its value in ``held``.

    Parameters
    ----------
    bounds
        Box for theta.
    offset, scale
        The map, shape (n,).
    log
        Parameters whose logarithm is varied, shape (n,).
    held
        Values of the parameters that are not free, shape (n,).
    free
        Which parameters are free, shape (n,).
    """

    bounds: Bounds
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    log: NDArray[np.bool_]
    held: NDArray[np.float64]
    free: NDArray[np.bool_]

    @classmethod
    def unit(
        cls, space: ParameterSpace, bounds: Bounds, held_origin_mm: ArrayLike | None = None, logarithms: bool = False
    ) -> Variables:
        """Each free parameter from 0 at its lower to 1 at its upper bound, in coordinates of the space if asked."""
        log = space.log & logarithms
        lower, upper = _apply(np.log, bounds.lower, log), _apply(np.log, bounds.upper, log)
        return cls(bounds, lower, upper - lower, log, *_hold(space, held_origin_mm))

    @classmethod
    def raw(
        cls,
        space: ParameterSpace,
        bounds: Bounds,
        centre_mm: ArrayLike,
        held_origin_mm: ArrayLike | None = None,
    ) -> Variables:
        """The paper's: positions from the centre of mass as fractions of its volume's size, the others unchanged."""
        offset, scale = space.relative_to(centre_mm), space.paper_scale
        return cls(bounds, offset, scale, np.zeros(len(space), bool), *_hold(space, held_origin_mm))

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower bounds of the free variables."""
        return self.encode(self.bounds.lower)

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bounds of the free variables."""
        return self.encode(self.bounds.upper)

    def encode(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Free variables, shape (..., k), of parameters of shape (..., n)."""
        theta = np.asarray(theta, dtype=np.float64)
        return ((_apply(np.log, theta, self.log) - self.offset) / self.scale)[..., self.free]

    def decode(self, variables: Any, library: Any = np) -> Any:
        """Parameters, shape (..., n), of free variables of shape (..., k), with numpy or torch (``library``)."""
        columns, position = [], 0
        for name in range(len(self.free)):
            if self.free[name]:
                column = variables[..., position] * float(self.scale[name]) + float(self.offset[name])
                columns.append(library.exp(column) if self.log[name] else column)
                position += 1
            else:
                columns.append(library.full_like(variables[..., 0], float(self.held[name])))
        return library.stack(columns, -1)


def _apply(function: Any, values: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``function`` of the values where asked, the values elsewhere."""
    safe = np.where(where, values, 1.0)
    return np.where(where, function(safe), values)


def _hold(space: ParameterSpace, origin_mm: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    held = np.zeros(len(space))
    if origin_mm is not None:
        held[:3] = np.asarray(origin_mm)
    return held, space.free(origin_mm is not None)
