"""Coefficients of RKL2, a second-order stabilised Runge-Kutta method with Legendre polynomials, for linear problems.

Source: Meyer, Balsara and Aslam, A stabilized Runge-Kutta-Legendre method for explicit super-time-stepping of
parabolic and mixed equations, J. Comput. Phys. 257 (2014) 594-626, equations 15 to 18.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rkl2", "rkl2"]

# Share of the stable interval that is used: at its very end the stability polynomial oscillates most.
_MARGIN = 1.05


@dataclass(frozen=True, eq=False)
class Rkl2:
    """Coefficients for y' = z L y over a unit step, to be multiplied by z where they stand before L.

    With y_0 the start and L_0 = L y_0: y_1 = y_0 + ``first`` z L_0, and for j = 2 ... ``stages``
    y_j = ``mu``[j] y_(j-1) + ``nu``[j] y_(j-2) + (1 - mu[j] - nu[j]) y_0 + ``mu_l``[j] z L y_(j-1) + ``gamma``[j] z L_0.
    """

    stages: int
    first: float
    mu: NDArray[np.float64]
    nu: NDArray[np.float64]
    mu_l: NDArray[np.float64]
    gamma: NDArray[np.float64]


def rkl2(stiffness: float) -> Rkl2:
    """Coefficients with the fewest stages that are stable for z L with eigenvalues down to ``-stiffness``."""
    # (s^2 + s - 2) / 2 is the stable interval; odd numbers of stages damp its end.
    stages = max(3, math.ceil((math.sqrt(9 + 8 * stiffness * _MARGIN) - 1) / 2))
    return _coefficients(stages + 1 - stages % 2)


@lru_cache(maxsize=256)
def _coefficients(stages: int) -> Rkl2:
    b = np.full(stages + 1, 1 / 3)
    j = np.arange(2, stages + 1)
    b[2:] = (j * j + j - 2) / (2 * j * (j + 1))
    w = 4 / (stages * stages + stages - 2)
    mu, nu, mu_l, gamma = (np.zeros(stages + 1) for _ in range(4))
    mu[2:] = (2 * j - 1) / j * b[j] / b[j - 1]
    nu[2:] = -(j - 1) / j * b[j] / b[j - 2]
    mu_l[2:] = mu[2:] * w
    gamma[2:] = -(1 - b[j - 1]) * mu_l[2:]
    return Rkl2(stages, float(b[1] * w), mu, nu, mu_l, gamma)
