"""The growth model ``fisher-kolmogorov``: one origin, isotropic diffusion, logistic growth (paper, equation 1).

dc/dt = div(D grad c) + rho c (1 - c) without flux out of tissue. D in grey matter is a tenth of D in white matter and
zero in CSF. One image cannot separate rates from time, so the parameters are mu_D = sqrt(D T) and
mu_rho = sqrt(rho T).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from gliofit.growth.model import Growth, GrowthModel
from gliofit.growth.parameters import PAPER_SPACE
from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.growth.theta import DURATION_DAYS, Theta

SPACE = PAPER_SPACE


class FisherKolmogorov(GrowthModel):
    """Growth model of the paper."""

    space = SPACE
    undetermined = (
        "One time point determines only the products D T and ρ T. The diffusivity D (mm² per day), the proliferation "
        "rate ρ (per day), the age T (days) and the speed of growth (mm per year) stay open: an old slow tumour and a "
        "young fast one look the same."
    )

    def growth(self, theta: Theta) -> Growth:
        """Return the coefficients of the growth equation."""
        return Growth(theta.mu_d_mm, theta.mu_rho)

    def of_front_width(self, origin_mm: ArrayLike, width_mm: float, bounds: Bounds) -> Theta:
        """Return theta of the fastest growth within bounds with front width mu_D / mu_rho; see ``GrowthModel``."""
        mu_rho = min(bounds.upper[4], bounds.upper[3] / width_mm)
        return Theta(origin_mm, width_mm * mu_rho, mu_rho, *self.space.typical[5:], space=self.space)

    def describe(self, theta: Theta, written: Mapping[str, str]) -> list[tuple[str, str]]:
        """Infiltration length and growth in words.

        Source: Swanson, Alvord and Murray, Cell Proliferation 33 (2000), for the speed and D/rho; Unkelbach et al.,
        Phys Med Biol 59 (2014), who call sqrt(D/rho) the infiltration length.
        """
        growth = self.growth(theta)
        exponent, width = growth.mu_rho**2, growth.mu_d_mm / growth.mu_rho
        slower = 1 / growth.grey_share
        return [
            (
                f"Front width, or infiltration length, λ = sqrt(D/ρ) = μ_D/μ_ρ: {written['front_width']} mm",
                "Ahead of the visible tumour the concentration in white matter falls by about a factor of e (to 37 %) "
                f"over every λ, tenfold over {np.log(10) * width:.1f} mm; in grey matter, where cells spread "
                f"{slower:.3g} times more slowly, over lengths {np.sqrt(slower):.1f} times shorter. Papers on "
                "radiotherapy planning call this length the infiltration length.",
            ),
            (
                f"Growth ρT = μ_ρ²: {exponent:.3g}",
                f"Where nothing is in their way, cells multiply e-fold {exponent:.3g} times during the age T of the "
                f"tumour ({exponent / np.log(2):.3g} doublings). The border moves through white matter by about "
                f"2 μ_D μ_ρ = {2 * growth.mu_d_mm * growth.mu_rho:.0f} mm in that time, which brain surface, "
                "ventricles and grey matter shorten. Neither is a speed: T is unknown.",
            ),
        ]


def theta_of_rates(
    origin_mm: ArrayLike,
    diffusivity_mm2_per_day: float,
    proliferation_per_day: float,
    duration_days: float,
    *further: float,
    space: ParameterSpace = SPACE,
) -> Theta:
    """Convert rates and a duration to theta; ``further`` are the remaining parameters of the space."""
    mu_d, mu_rho = np.sqrt(diffusivity_mm2_per_day * duration_days), np.sqrt(proliferation_per_day * duration_days)
    return Theta(origin_mm, float(mu_d), float(mu_rho), *further, space=space)


def diffusivity_mm2_per_day(theta: Theta, duration_days: float = DURATION_DAYS) -> float:
    """Return the diffusivity D of white matter for a growth time."""
    return theta.mu_d_mm**2 / duration_days


def proliferation_per_day(theta: Theta, duration_days: float = DURATION_DAYS) -> float:
    """Return the proliferation rate rho for a growth time."""
    return theta.mu_rho**2 / duration_days
