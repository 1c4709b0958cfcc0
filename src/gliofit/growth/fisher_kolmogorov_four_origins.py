"""The growth model ``fisher-kolmogorov-four-origins``."""

from __future__ import annotations

from gliofit.growth import fisher_kolmogorov_three_origins as simpler
from gliofit.growth.parameters import origin, start
from gliofit.growth.space import ParameterSpace

SPACE = ParameterSpace(
    "fisher-kolmogorov-four-origins",
    (*simpler.SPACE.parameters, *origin(4), start(4)),
    simpler.SPACE.derived,
)


class FisherKolmogorovFourOrigins(simpler.FisherKolmogorovThreeOrigins):
    """Growth from four origins with the same rates, from all but the first later."""

    space = SPACE
    simpler = simpler.SPACE.model
