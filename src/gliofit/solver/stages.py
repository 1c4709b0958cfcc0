"""Tangents of a tumour with several origins, which grows in stages from the start of one origin to that of the next.

A stage of length f (a fraction of the duration) is growth over a whole duration with mu_D sqrt(f) and mu_rho sqrt(f).
Tangents by the rates of a stage pass through later stages as those by an origin do, without sources. So the derivative
by the start of an origin, which lengthens the stage before and shortens the one after, follows from the tangents by the
rates of these two stages, and needs no field of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.model import Growth, Origin
from gliofit.growth.parameters import DIFFUSION, PROLIFERATION
from gliofit.growth.space import ParameterSpace
from gliofit.solver.backends.base import GREY_SHARE, MU_D, MU_RHO


@dataclass
class _Stage:
    """Length, fields with the derivatives by its mu_D and mu_rho, and index of the start's parameter."""

    length: float
    mu_d: int
    mu_rho: int
    start_place: int | None


class Tangents:
    """Meaning of the fields of one tumour with tangents.

    Parameters
    ----------
    space
        Parameters.
    first
        The first origin.
    """

    def __init__(self, space: ParameterSpace, first: Origin) -> None:
        self.space = space
        self.with_grey_share = "grey_share" in space.columns
        self._origin = first
        self._places = {first.place: 1}
        self._stages: list[_Stage] = []

    @property
    def initial_count(self) -> int:
        """Number of fields of the first stage."""
        return GREY_SHARE + self.with_grey_share

    def begin(self, length: float) -> None:
        """Begin a stage; the fields of sources are those by its rates."""
        self._stages.append(_Stage(length, MU_D, MU_RHO, self._origin.start_place))

    def add(self, fields: NDArray[Any], seed: NDArray[Any], origin: Origin) -> NDArray[Any]:
        """Add the seed of an origin, c <- c + (1 - c) seed, to fields of shape (F, nx, ny, nz); return F + 5 fields.

        ``seed`` has shape (4, nx, ny, nz): values and derivatives by the position.
        """
        count = len(fields)
        result = np.zeros((count + 5, *fields.shape[1:]), fields.dtype)
        result[:count], result[count : count + 2] = fields, fields[MU_D : MU_RHO + 1]
        result[MU_D : MU_RHO + 1] = 0
        result[1:] *= 1 - seed[0]
        result[count + 2 :] = (1 - fields[0]) * seed[1:]
        result[0] += (1 - fields[0]) * seed[0]
        for stage in self._stages:
            if stage.mu_d == MU_D:
                stage.mu_d, stage.mu_rho = count, count + 1
        self._places[origin.place] = count + 2
        self._origin = origin
        return result

    def by_theta(self, fields: NDArray[Any], growth: Growth) -> NDArray[Any]:
        """Return c and its derivatives by the n parameters, shape (1 + n, nx, ny, nz)."""
        if 1 + len(self.space) == self.initial_count:
            return fields  # Those of one origin are in the order of theta.
        result = np.zeros((1 + len(self.space), *fields.shape[1:]), fields.dtype)
        result[0] = fields[0]
        for place, row in self._places.items():
            result[1 + place : 4 + place] = fields[row : row + 3]
        if self.with_grey_share:
            result[1 + self.space.index("grey_share")] = fields[GREY_SHARE]
        mu_d, mu_rho = (result[1 + self.space.index(p.column)] for p in (DIFFUSION, PROLIFERATION))
        before = None
        for stage in self._stages:
            root = np.sqrt(stage.length)
            mu_d += root * fields[stage.mu_d]
            mu_rho += root * fields[stage.mu_rho]
            by_length = (growth.mu_d_mm * fields[stage.mu_d] + growth.mu_rho * fields[stage.mu_rho]) / (2 * root)
            if stage.start_place is not None and before is not None:
                result[1 + stage.start_place] = before - by_length
            before = by_length
        return result
