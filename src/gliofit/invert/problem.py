"""Inverse problem of one case: tissue, observation, bounds and resources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliofit.core.tissue import Tissue
from gliofit.growth.model import DEFAULT, GrowthModel, find_growth_model
from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.trace import OnProgress, Trace
from gliofit.observation.observation import (
    AbstractObservation,
    ConcentrationObservation,
    EmptyObservationError,
    SegmentationObservation,
)

if TYPE_CHECKING:
    from gliofit.invert.atlas_map import AtlasMap
    from gliofit.invert.settings import InvertSettings

__all__ = [
    "AbstractObservation",
    "ConcentrationObservation",
    "EmptyObservationError",
    "Problem",
    "SegmentationObservation",
]


@dataclass(frozen=True, eq=False)
class Problem:
    """Input of an inversion method.

    Parameters
    ----------
    tissue, observation
        Tissue on the case's grid, and observation with its likelihood.
    bounds
        Box of theta, origin in world mm.
    networks
        Trained networks, loaded on first use.
    seed, threads
        Random seed and number of threads.
    on_progress
        Progress callback with the number of evaluations, the last loss and its level.
    start
        Estimate of another method to refine.
    atlas
        Transforms to the atlas, for methods that work there.
    model
        Growth model whose parameters are estimated.
    """

    tissue: Tissue
    observation: AbstractObservation
    bounds: Bounds
    networks: Networks = field(default_factory=Networks)
    seed: int = 0
    threads: int = 1
    on_progress: OnProgress | None = None
    start: Theta | None = None
    atlas: AtlasMap | None = None
    model: GrowthModel = field(default_factory=lambda: find_growth_model(DEFAULT))

    @property
    def space(self) -> ParameterSpace:
        """Parameter space of the growth model."""
        return self.model.space

    @classmethod
    def create(
        cls,
        observation: AbstractObservation,
        settings: InvertSettings,
        networks: Networks | None = None,
        seed: int = 0,
        threads: int = 1,
        on_progress: OnProgress | None = None,
        start: Theta | None = None,
        atlas: AtlasMap | None = None,
        model: str = DEFAULT,
    ) -> Problem:
        """Create a problem with the bounds of the settings about the observation's centre of mass."""
        growth = find_growth_model(model)
        bounds = growth.space.bounds_about(observation.centre_mm, settings.bounds.ranges(growth.space))
        tissue, networks = observation.tissue, networks or Networks()
        start = None if start is None else start.in_space(growth.space)
        return cls(tissue, observation, bounds, networks, seed, threads, on_progress, start, atlas, growth)

    def with_model(self, model: GrowthModel) -> Problem:
        """Return the same problem for a model whose parameters are among those of this one."""
        places = [self.space.index(column) for column in model.space.columns]
        bounds = Bounds(self.bounds.lower[places], self.bounds.upper[places])
        start = None if self.start is None else self.start.in_space(model.space)
        return replace(self, model=model, bounds=bounds, start=start)

    def held_origin_mm(self, origin: str) -> NDArray[np.float64] | None:
        """Return the fixed origin of an ``origin`` setting, shape (3,), world mm; None if the origin is estimated."""
        return self.observation.centre_mm if origin == "com-fixed" else None

    def starting_at(self, origin: str, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an initial theta, shape (n,), with the centre of mass as origin for ``origin: com-start``."""
        return np.append(self.observation.centre_mm, start[3:]) if origin == "com-start" else start

    def start_trace(self) -> Trace:
        """Create an empty trace and start its clock."""
        return Trace(self.space, self.on_progress)
