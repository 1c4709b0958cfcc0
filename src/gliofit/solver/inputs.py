"""Checks of a forward run's parameters, before any work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.growth.theta import Theta

__all__ = ["check_growth", "outside_tissue"]


def check_growth(theta: Theta) -> None:
    """Raise InputError unless mu_D and mu_rho are positive."""
    for name, value in (("mu_D", theta.mu_d_mm), ("mu_rho", theta.mu_rho)):
        if not value > 0:
            raise InputError("theta", f"{name} is {value:g}", f"give a positive {name}")


def outside_tissue(centre: NDArray[np.floating]) -> SeedOutsideTissueError:
    """The error for a seed at voxel ``centre``."""
    position = ", ".join(f"{v:.1f}" for v in centre)
    return SeedOutsideTissueError(
        f"seed at voxel ({position})", "no white or grey matter there", "choose a seed inside brain tissue"
    )
