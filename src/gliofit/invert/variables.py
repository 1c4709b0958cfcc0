"""The unknowns in the coordinates an optimiser works in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.paper import EXTENT_MM
from gliofit.theta import Bounds

__all__ = ["Variables"]

_IS_MU = np.array([False, False, False, True, True])


@dataclass(frozen=True, eq=False)
class Variables:
    """An invertible map between theta and the free variables of an optimiser.

    A free component of theta is ``offset + scale * variable``, or the exponential of that where ``log`` is set; a
    component that is not free does not exist for the optimiser and has its value in ``held``.

    Parameters
    ----------
    bounds
        Box for theta.
    offset, scale
        The map, shape (5,).
    log
        Components whose logarithm is the variable, shape (5,).
    held
        Values of the components that are not free, shape (5,).
    free
        Which components are free, shape (5,). mu_D and mu_rho always are.
    """

    bounds: Bounds
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    log: NDArray[np.bool_]
    held: NDArray[np.float64]
    free: NDArray[np.bool_]

    @classmethod
    def unit(cls, bounds: Bounds, held_origin_mm: ArrayLike | None = None, log_mu: bool = False) -> Variables:
        """Each free component from 0 at its lower to 1 at its upper bound; mu_D and mu_rho on a log scale if asked."""
        log = _IS_MU & log_mu
        lower, upper = _apply(np.log, bounds.lower, log), _apply(np.log, bounds.upper, log)
        return cls(bounds, lower, upper - lower, log, *_hold(held_origin_mm))

    @classmethod
    def raw(cls, bounds: Bounds, centre_mm: NDArray[np.float64], held_origin_mm: ArrayLike | None = None) -> Variables:
        """The paper's: origin from the centre of mass as a fraction of 240 x 240 x 155 mm; mu_D and mu_rho as is."""
        offset = np.array([*centre_mm, 0.0, 0.0])
        scale = np.array([*EXTENT_MM, 1.0, 1.0])
        return cls(bounds, offset, scale, np.zeros(5, bool), *_hold(held_origin_mm))

    @property
    def lower(self) -> NDArray[np.float64]:
        """Lower bounds of the free variables."""
        return self.encode(self.bounds.lower)

    @property
    def upper(self) -> NDArray[np.float64]:
        """Upper bounds of the free variables."""
        return self.encode(self.bounds.upper)

    def encode(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Free variables, shape (..., n), of parameters of shape (..., 5)."""
        theta = np.asarray(theta, dtype=np.float64)
        return ((_apply(np.log, theta, self.log) - self.offset) / self.scale)[..., self.free]

    def decode(self, variables: Any, library: Any = np) -> Any:
        """Parameters, shape (..., 5), of free variables of shape (..., n), with numpy or torch (``library``)."""
        columns, position = [], 0
        for name in range(5):
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


def _hold(origin_mm: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    held, free = np.zeros(5), np.ones(5, bool)
    if origin_mm is not None:
        held[:3], free[:3] = np.asarray(origin_mm), False
    return held, free
