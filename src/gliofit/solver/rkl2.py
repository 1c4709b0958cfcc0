"""RKL2, a second-order stabilised Runge-Kutta method with Legendre polynomials, for linear problems.

Source: Meyer, Balsara and Aslam, A stabilized Runge-Kutta-Legendre method for explicit super-time-stepping of
parabolic and mixed equations, J. Comput. Phys. 257 (2014) 594-626, equations 15 to 18.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Safety factor on the stiffness: the stability polynomial oscillates most at the end of the stable interval.
_MARGIN = 1.05


@dataclass(frozen=True)
class Rkl2:
    """One step for y' = z L y over unit time: y <- (a + b P_s(1 + w z L)) y with the Legendre polynomial P_s.

    The published method needs y_0 and L y_0 in every stage to keep it consistent. For a linear L only the last stage
    matters, and its polynomial follows from the recurrence of P_s with half the memory traffic:
    p_0 = y, p_1 = p_0 + w z L p_0, p_j = (2 j - 1) / j (p_(j-1) + w z L p_(j-1)) - (j - 1) / j p_(j-2).

    Parameters
    ----------
    stages
        Number of stages s, odd, at least 3.
    """

    stages: int

    @property
    def w(self) -> float:
        """Scale of the argument: 4 / (s^2 + s - 2)."""
        return 4 / (self.stages * self.stages + self.stages - 2)

    @property
    def b(self) -> float:
        """Weight of the polynomial: (s^2 + s - 2) / (2 s (s + 1))."""
        return (self.stages * self.stages + self.stages - 2) / (2 * self.stages * (self.stages + 1))

    @property
    def a(self) -> float:
        """Weight of the initial value: 1 - b."""
        return 1 - self.b


def rkl2(stiffness: float) -> Rkl2:
    """Return the step with the fewest stages that is stable for eigenvalues of z L down to ``-stiffness``."""
    # The stable interval is (s^2 + s - 2) / 2; odd numbers of stages damp its end.
    stages = max(3, math.ceil((math.sqrt(9 + 8 * stiffness * _MARGIN) - 1) / 2))
    return Rkl2(stages + 1 - stages % 2)
