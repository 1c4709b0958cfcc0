"""Interface of forward solvers: tissue and theta in, tumour-cell concentration out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid, Volume
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta


@dataclass(frozen=True, eq=False)
class Solution:
    """Result of a forward simulation.

    Parameters
    ----------
    concentration
        Tumour-cell concentration, shape ``grid.shape``, float32 (float64 from an accurate solver of that precision).
    grid
        Grid of the tissue.
    final_time_days
        Simulated time at the end, at most ``DURATION_DAYS``.
    volume_mm3
        Integral of the concentration over the grid.
    steps
        Number of time steps.
    stopped_by
        ``time`` or ``volume``.
    schedule
        Accepted time steps as fractions of the duration; None from integrators with constant steps.
    error_estimate
        Sum of the estimated relative L2 errors of the steps; None from integrators without error estimate. It
        overestimates the error, since the result is extrapolated.
    """

    concentration: NDArray[np.floating]
    grid: Grid
    final_time_days: float
    volume_mm3: float
    steps: int
    stopped_by: Literal["time", "volume"]
    schedule: tuple[float, ...] | None = None
    error_estimate: float | None = None

    @property
    def volume(self) -> Volume:
        """The concentration with its grid."""
        return Volume(self.concentration, self.grid)


class AbstractForwardSolver(ABC):
    """Solver of dc/dt = div(D grad c) + rho c (1 - c) without flux out of tissue (paper, equation 1)."""

    @abstractmethod
    def solve(
        self,
        tissue: Tissue,
        theta: Theta,
        *,
        stopping_volume_mm3: float | None = None,
        progress: OnProgress = no_progress,
    ) -> Solution:
        """Simulate one tumour.

        Parameters
        ----------
        tissue
            Brain, on an isotropic grid.
        theta
            Parameters; D and rho follow from theta and the growth time, ``DURATION_DAYS``.
        stopping_volume_mm3
            Integral of c at which to stop early. The tumour is then that of
            ``theta.at_fraction(final_time_days / DURATION_DAYS)``.
        progress
            Callback for the simulated fraction of the duration.

        Raises
        ------
        SeedOutsideTissueError
            If no part of the initial tumour lies in white or grey matter.
        InputError
            If the grid is not isotropic, the tissue is empty or holds values that are not finite or outside [0, 1], or
            a growth parameter is not positive.
        """


def check_growth(theta: Theta) -> None:
    """Raise InputError unless mu_D and mu_rho are positive."""
    for name, value in (("mu_D", theta.mu_d_mm), ("mu_rho", theta.mu_rho)):
        if not value > 0:
            raise InputError("theta", f"{name} is {value:g}", f"choose a positive {name}")


def outside_tissue(centre: NDArray[np.floating]) -> SeedOutsideTissueError:
    """Return the error for a seed at ``centre`` (voxel indices, shape (3,))."""
    position = ", ".join(f"{v:.1f}" for v in centre)
    return SeedOutsideTissueError(
        f"seed at voxel ({position})", "is outside white and grey matter", "choose an origin inside brain tissue"
    )
