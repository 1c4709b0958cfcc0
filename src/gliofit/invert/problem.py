"""Inverse problem of one case: tissue, observation, bounds and resources."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.model import DEFAULT, GrowthModel, find_growth_model
from gliofit.growth.space import Bounds
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.trace import OnProgress, Trace
from gliofit.observation.observation import AbstractObservation

if TYPE_CHECKING:
    from gliofit.invert.atlas_map import AtlasMap
    from gliofit.invert.settings import InvertSettings


class Problem:
    """Input of an inversion method: observation, ``tissue``, parameter ``space`` and ``bounds`` about the tumour.

    Parameters
    ----------
    observation, settings
        Observation with its likelihood, and settings with the bounds relative to its centre of mass.
    on_progress
        Progress callback with the number of evaluations, the last loss and its level.
    start
        Estimate of another method to refine.
    atlas
        Transforms to the atlas, for methods that work there.
    model
        Name of the growth model.
    """

    def __init__(
        self,
        observation: AbstractObservation,
        settings: InvertSettings,
        networks: Networks | None = None,
        seed: int = 0,
        threads: int = 1,
        on_progress: OnProgress | None = None,
        start: Theta | None = None,
        atlas: AtlasMap | None = None,
        model: str = DEFAULT,
    ) -> None:
        self.observation, self.tissue, self.model = observation, observation.tissue, find_growth_model(model)
        self.space = self.model.space
        self.bounds = self.space.bounds_about(observation.centre_mm, settings.bounds.ranges(self.space))
        self.networks, self.seed, self.threads = networks or Networks(), seed, threads
        self.on_progress, self.atlas = on_progress, atlas
        self.start = None if start is None else start.in_space(self.space)

    def with_model(self, model: GrowthModel) -> Problem:
        """Return the same problem for a model whose parameters are among those of this one."""
        places = [self.space.index(column) for column in model.space.columns]
        bounds = Bounds(self.bounds.lower[places], self.bounds.upper[places])
        problem = copy(self)
        problem.model, problem.space, problem.bounds = model, model.space, bounds
        problem.start = None if self.start is None else self.start.in_space(model.space)
        return problem

    def held_origin_mm(self, origin: str) -> NDArray[np.float64] | None:
        """Return the fixed origin of an ``origin`` setting, shape (3,), world mm; None if the origin is estimated."""
        return self.observation.centre_mm if origin == "com-fixed" else None

    def free(self, origin: str) -> NDArray[np.bool_]:
        """Return the mask of parameters that are estimated with an ``origin`` setting, shape (n,)."""
        return self.space.free(origin == "com-fixed")

    def starting_at(self, origin: str, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an initial theta, shape (n,), with the centre of mass as origin for ``origin: com-start``."""
        return np.append(self.observation.centre_mm, start[3:]) if origin == "com-start" else start

    def start_trace(self) -> Trace:
        """Create an empty trace and start its clock."""
        return Trace(self.space, self.on_progress)
