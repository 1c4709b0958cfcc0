"""The growth model ``fisher-kolmogorov-three-origins``."""

from __future__ import annotations

from gliofit.growth import fisher_kolmogorov_two_origins as simpler
from gliofit.growth.parameters import origin, start
from gliofit.growth.space import ParameterSpace

SPACE = ParameterSpace(
    "fisher-kolmogorov-three-origins",
    (*simpler.SPACE.parameters, *origin(3), start(3)),
    simpler.SPACE.derived,
)


class FisherKolmogorovThreeOrigins(simpler.FisherKolmogorovTwoOrigins):
    """Growth from three origins with the same rates, from all but the first later."""

    space = SPACE
    simpler = simpler.SPACE.model
