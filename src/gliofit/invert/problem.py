"""One case to invert: tissue, observation, bounds, and the means to do it."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    from gliofit.invert.atlas_map import AbstractAtlasMap
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
    """What a method gets.

    Parameters
    ----------
    tissue
        Tissue on the case's own grid.
    observation
        What theta is estimated from; it brings its likelihood.
    bounds
        Box for theta, origin in world mm.
    networks
        Trained networks, loaded on first use.
    seed
        Seed of everything random.
    threads
        Threads to use.
    on_progress
        Called with the number of evaluations, the last loss and its level.
    start
        Estimate of another method to refine, for methods that do so.
    atlas
        The way to the atlas, for methods that work there.
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
    atlas: AbstractAtlasMap | None = None
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
        atlas: AbstractAtlasMap | None = None,
        model: str = DEFAULT,
    ) -> Problem:
        """With the bounds of the settings about the observation's centre of mass."""
        growth = find_growth_model(model)
        bounds = growth.space.bounds_about(observation.centre_mm, settings.bounds.ranges(growth.space))
        tissue, networks = observation.tissue, networks or Networks()
        start = None if start is None else start.in_space(growth.space)
        return cls(tissue, observation, bounds, networks, seed, threads, on_progress, start, atlas, growth)

    def held_origin_mm(self, origin: str) -> NDArray[np.float64] | None:
        """The fixed origin under a method's ``origin`` setting, shape (3,) in world mm; None if it is a variable."""
        return self.observation.centre_mm if origin == "com-fixed" else None

    def starting_at(self, origin: str, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """An initial theta, shape (n,), with its origin at the centre of mass under ``origin: com-start``."""
        return np.append(self.observation.centre_mm, start[3:]) if origin == "com-start" else start

    def start_trace(self) -> Trace:
        """An empty record whose clock runs from now."""
        return Trace(self.space, self.on_progress)
