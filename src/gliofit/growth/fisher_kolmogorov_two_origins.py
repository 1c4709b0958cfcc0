"""The growth model ``fisher-kolmogorov-two-origins``: a second origin, from which growth begins later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.fisher_kolmogorov import FisherKolmogorov
from gliofit.growth.model import Origin
from gliofit.growth.parameters import PAPER_SPACE, origin, start
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta

SPACE = ParameterSpace(
    "fisher-kolmogorov-two-origins", (*PAPER_SPACE.parameters, *origin(2), start(2)), PAPER_SPACE.derived
)


#: Parameters of a further origin, its position and its start.
_EACH = 4


class FisherKolmogorovTwoOrigins(FisherKolmogorov):
    """Growth from two origins with the same rates; the seed of the second is added to what has grown by its start."""

    space = SPACE
    simpler = "fisher-kolmogorov"

    def origins(self, theta: Theta) -> list[Origin]:
        """Return the origins; see ``GrowthModel``."""
        values = theta.to_array()
        places = range(len(PAPER_SPACE), len(values), _EACH)
        further = [Origin(values[place : place + 3], float(values[place + 3]), place, place + 3) for place in places]
        return [*super().origins(theta), *further]

    def in_order(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sort further origins by their start; see ``GrowthModel``."""
        further = values[len(PAPER_SPACE) :].reshape(-1, _EACH)
        order = np.argsort(further[:, -1], kind="stable")
        return np.concatenate([values[: len(PAPER_SPACE)], further[order].ravel()])
