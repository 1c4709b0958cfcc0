"""The growth model ``fisher-kolmogorov-two-origins``: a second origin, from which growth begins later."""

from __future__ import annotations

from gliofit.growth.fisher_kolmogorov import FisherKolmogorov
from gliofit.growth.model import Origin
from gliofit.growth.parameters import PAPER_SPACE, origin, start
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta

SPACE = ParameterSpace(
    "fisher-kolmogorov-two-origins", (*PAPER_SPACE.parameters, *origin(2), start(2)), PAPER_SPACE.derived
)


class FisherKolmogorovTwoOrigins(FisherKolmogorov):
    """Growth from two origins with the same rates; the seed of the second is added to what has grown by its start."""

    space = SPACE
    simpler = "fisher-kolmogorov"

    def origins(self, theta: Theta) -> list[Origin]:
        """Return the origins; see ``GrowthModel``."""
        values = theta.to_array()
        places = range(len(PAPER_SPACE), len(values), 4)
        further = [Origin(values[place : place + 3], float(values[place + 3]), place, place + 3) for place in places]
        return [*super().origins(theta), *further]
