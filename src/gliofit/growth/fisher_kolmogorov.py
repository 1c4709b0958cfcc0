"""The growth model ``fisher-kolmogorov``: one origin, isotropic diffusion, logistic growth (paper, equation 1).

dc/dt = div(D grad c) + rho c (1 - c), with D in grey matter a tenth of that in white matter, none in CSF, and no flux
out of tissue. One image cannot separate rates from time, so the parameters are mu_D = sqrt(D T) and
mu_rho = sqrt(rho T).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gliofit.growth.model import Growth, GrowthModel
from gliofit.growth.parameters import PAPER_SPACE
from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.growth.theta import DURATION_DAYS, Theta

__all__ = [
    "SPACE",
    "FisherKolmogorov",
    "diffusivity_mm2_per_day",
    "proliferation_per_day",
    "theta_of_rates",
]

SPACE = PAPER_SPACE


class FisherKolmogorov(GrowthModel):
    """The paper's growth model."""

    space = SPACE

    def growth(self, theta: Theta) -> Growth:
        """Diffusion length and growth exponent of the whole duration."""
        return Growth(theta.mu_d_mm, theta.mu_rho)

    def of_front_width(self, origin_mm: ArrayLike, width_mm: float, bounds: Bounds) -> Theta:
        """Theta of the fastest growth within bounds whose front has a width mu_D / mu_rho."""
        largest_mu_d, largest_mu_rho = bounds.upper[3:5]
        mu_rho = min(largest_mu_rho, largest_mu_d / width_mm)
        return Theta(origin_mm, width_mm * mu_rho, mu_rho, *self.space.typical[5:], space=self.space)


def theta_of_rates(
    origin_mm: ArrayLike,
    diffusivity_mm2_per_day: float,
    proliferation_per_day: float,
    duration_days: float,
    *further: float,
    space: ParameterSpace = SPACE,
) -> Theta:
    """Theta of a diffusivity in white matter, a proliferation rate, a duration, and the space's further parameters."""
    mu_d, mu_rho = np.sqrt(diffusivity_mm2_per_day * duration_days), np.sqrt(proliferation_per_day * duration_days)
    return Theta(origin_mm, float(mu_d), float(mu_rho), *further, space=space)


def diffusivity_mm2_per_day(theta: Theta, duration_days: float = DURATION_DAYS) -> float:
    """D in white matter for a growth time."""
    return theta.mu_d_mm**2 / duration_days


def proliferation_per_day(theta: Theta, duration_days: float = DURATION_DAYS) -> float:
    """Proliferation rate rho for a growth time."""
    return theta.mu_rho**2 / duration_days
