"""What a back end of the accurate integrator does: try a Strang step with step doubling, keep it or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.model import Growth

__all__ = ["GREY_SHARE", "MU_D", "MU_RHO", "AbstractStepper", "Attempt", "reaction_factors"]

#: Places of the tangents with sources of their own, among c and its derivatives: by x, y, z, mu_D, mu_rho, grey share.
MU_D, MU_RHO, GREY_SHARE = 4, 5, 6


@dataclass(frozen=True)
class Attempt:
    """What a tried step would lead to.

    Parameters
    ----------
    error
        Estimated local error of c over the norm of c (both in L2), dimensionless.
    total
        Sum of c over voxels.
    total_rate
        Derivative of ``total`` with respect to the time as a fraction of the duration: mu_rho^2 sum c (1 - c), since
        diffusion without flux out of tissue keeps the sum.
    """

    error: float
    total: float
    total_rate: float


class AbstractStepper(ABC):
    """Holds a batch of tumours on one domain on its device and advances each by its own time steps.

    One step of length tau (a fraction of the duration) is R(tau/2) D(tau) R(tau/2), with R the exact logistic flow and
    D RKL2 diffusion. It is taken once (coarse) and as two halves (fine); the error is a third of their difference, and
    the new state is (4 fine - coarse) / 3, clipped below at zero.
    """

    @abstractmethod
    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """Try one step per tumour; tumours with step 0 rest and yield None."""

    @abstractmethod
    def accept(self, which: Sequence[bool]) -> None:
        """Make the last attempt of these tumours their state."""

    @abstractmethod
    def totals(self) -> list[Attempt]:
        """Sum and rate of the present states (error 0)."""

    @abstractmethod
    def fields(self, tumour: int) -> NDArray[Any]:
        """Present fields of one tumour on the padded box, shape (F, nx, ny, nz), on the host."""

    def concentration(self, tumour: int) -> NDArray[Any]:
        """First field of one tumour on the padded box, shape (nx, ny, nz), on the host."""
        return self.fields(tumour)[0]


def reaction_factors(growth: Growth, step: float) -> tuple[float, float]:
    """exp(rho tau) of a reaction step and its derivative with respect to mu_rho."""
    factor = float(np.exp(growth.mu_rho**2 * step))
    return factor, 2 * growth.mu_rho * step * factor
