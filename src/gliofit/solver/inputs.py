"""Checks of a forward run's parameters, before any work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.growth.theta import Theta

__all__ = ["check_growth", "outside_tissue"]


def check_growth(theta: Theta) -> None:
    """Raise InputError unless every parameter with a logarithmic coordinate is positive."""
    for parameter, value in zip(theta.space.parameters, theta.to_array(), strict=True):
        if parameter.log and not value > 0:
            raise InputError("theta", f"{parameter.symbol} is {value:g}", f"give a positive {parameter.symbol}")


def outside_tissue(centre: NDArray[np.floating]) -> SeedOutsideTissueError:
    """The error for a seed at voxel ``centre``."""
    position = ", ".join(f"{v:.1f}" for v in centre)
    return SeedOutsideTissueError(
        f"seed at voxel ({position})", "no white or grey matter there", "choose a seed inside brain tissue"
    )
