"""What every forward solver is: tissue and theta in, tumour-cell concentration out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import DURATION_DAYS, Theta

__all__ = ["AbstractForwardSolver", "Solution"]


@dataclass(frozen=True, eq=False)
class Solution:
    """Outcome of one forward run.

    Parameters
    ----------
    concentration
        Tumour-cell concentration of shape ``grid.shape``, float32 (float64 from an accurate solver of that precision).
    grid
        Grid of the tissue the run was made on.
    final_time_days
        Simulated time at the end, on the time axis of ``duration_days``.
    volume_mm3
        Integral of the concentration over the whole grid.
    steps
        Time steps taken.
    stopped_by
        ``time`` or ``volume``.
    schedule
        Accepted time steps as fractions of the duration, of integrators that choose them.
    error_estimate
        Sum of the estimated relative errors of the steps (L2), of integrators that estimate them. An upper guess: the
        result is the extrapolated one, which is more accurate.
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
    """Solves dc/dt = div(D grad c) + rho c (1 - c) on the brain, no flux out of tissue (paper, equation 1)."""

    @abstractmethod
    def solve(
        self,
        tissue: Tissue,
        theta: Theta,
        *,
        duration_days: float = DURATION_DAYS,
        stopping_volume_mm3: float | None = None,
        progress: OnProgress = no_progress,
    ) -> Solution:
        """Grow one tumour.

        D_WM and rho are those that give ``theta`` after ``duration_days``. With ``stopping_volume_mm3`` the run ends
        when the integral of c reaches it, if that is earlier; the tumour then is the one of
        ``theta.at_fraction(final_time_days / duration_days)``. ``progress`` hears of the grown share of the duration,
        from integrators that can tell.

        Raises
        ------
        SeedOutsideTissueError
            If no part of the initial tumour lies in white or grey matter.
        InputError
            If the grid is not isotropic, the tissue is empty or holds values that are not finite or outside [0, 1], or
            a growth parameter is not positive.
        """
