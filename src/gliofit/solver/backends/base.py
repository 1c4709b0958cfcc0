"""Choice and interface of the accurate integrator's back ends, which attempt and accept Strang steps."""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.growth.model import Growth

#: Indices of tangents with source terms among the fields: c and its derivatives by x, y, z, mu_D, mu_rho, grey share.
MU_D, MU_RHO, GREY_SHARE = 4, 5, 6


@dataclass(frozen=True)
class Attempt:
    """Result of an attempted step."""

    #: Estimated local error of c relative to c (L2 norms).
    error: float
    #: Sum of c over voxels.
    total: float
    #: Derivative of ``total`` by time as a fraction of the duration: mu_rho^2 sum c (1 - c); diffusion keeps it.
    total_rate: float


class AbstractStepper(ABC):
    """Batch of tumours on one domain, each with its own time steps.

    One step of length tau (a fraction of the duration) is R(tau/2) D(tau) R(tau/2), with the exact logistic flow R and
    RKL2 diffusion D. It is taken once (coarse) and as two halves (fine); the error is a third of their difference, and
    the new state is (4 fine - coarse) / 3, clipped below at zero.
    """

    @abstractmethod
    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """Attempt one step per tumour; None for tumours with step 0."""

    @abstractmethod
    def accept(self, which: Sequence[bool]) -> None:
        """Set the state of the selected tumours to their last attempt."""

    @abstractmethod
    def totals(self) -> list[Attempt]:
        """Return sum and rate of the current states, with error 0."""

    @abstractmethod
    def fields(self, tumour: int, count: int | None = None) -> NDArray[Any]:
        """Return the first ``count`` fields of one tumour (c and its tangents) on the host, shape (F, nx, ny, nz)."""

    def concentration(self, tumour: int) -> NDArray[Any]:
        """Return c of one tumour on the padded box, shape (nx, ny, nz), on the host."""
        c: NDArray[Any] = self.fields(tumour, 1)[0]
        return c


class AbstractTumour(ABC):
    """State of one tumour, with the methods of ``AbstractStepper`` for it alone."""

    @abstractmethod
    def attempt(self, step: float) -> Attempt:
        """Attempt one step."""

    @abstractmethod
    def accept(self) -> None:
        """Set the state to the last attempt."""

    @abstractmethod
    def total(self) -> Attempt:
        """Return sum and rate of the current state, with error 0."""

    @abstractmethod
    def fields(self, count: int | None) -> NDArray[Any]:
        """Return the first ``count`` fields, all for None."""


class SequentialStepper(AbstractStepper):
    """Steps of a batch of tumours, one after the other."""

    def __init__(self, tumours: Sequence[AbstractTumour]) -> None:
        self._tumours = tumours

    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """See ``AbstractStepper.attempt``."""
        return [t.attempt(step) if step > 0 else None for t, step in zip(self._tumours, steps, strict=True)]

    def accept(self, which: Sequence[bool]) -> None:
        """See ``AbstractStepper.accept``."""
        for tumour in compress(self._tumours, which):
            tumour.accept()

    def totals(self) -> list[Attempt]:
        """See ``AbstractStepper.totals``."""
        return [tumour.total() for tumour in self._tumours]

    def fields(self, tumour: int, count: int | None = None) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self._tumours[tumour].fields(count)


def reaction_factors(growth: Growth, step: float) -> tuple[float, float]:
    """Return exp(rho tau) of a reaction step and its derivative by mu_rho."""
    factor = float(np.exp(growth.mu_rho**2 * step))
    return factor, 2 * growth.mu_rho * step * factor


def interpreted() -> bool:
    """Return whether Triton's interpreter runs kernels on the CPU (``TRITON_INTERPRET=1``, for tests)."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


@cache
def triton_problem() -> str | None:
    """Return why the Triton back end cannot run, None if it can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if interpreted():
        return None
    import torch

    return None if torch.cuda.is_available() else "there is no CUDA device"


def choose_backend(name: str) -> Literal["numba", "torch", "triton"]:
    """Return the back end of a setting: ``auto`` is ``triton`` where there is a CUDA device, else ``numba``.

    InputError if the name is unknown, or if ``triton`` cannot run.
    """
    if name == "auto":
        return "numba" if triton_problem() else "triton"
    if name == "triton" and (problem := triton_problem()):
        raise InputError("back end triton", problem, "use --backend numba or auto")
    if name not in ("numba", "torch", "triton"):
        raise InputError(f"back end {name}", "is not known", "use auto, numba, torch or triton")
    return name  # type: ignore[return-value]
