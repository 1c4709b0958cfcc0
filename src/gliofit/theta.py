"""Names of the growth package under their former place, for modules that know the default model only."""

from __future__ import annotations

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.space import Bounds
from gliofit.growth.theta import DURATION_DAYS, Theta

__all__ = ["DURATION_DAYS", "THETA_COLUMNS", "THETA_NAMES", "Bounds", "Theta"]

THETA_NAMES = SPACE.names
THETA_COLUMNS = SPACE.columns
