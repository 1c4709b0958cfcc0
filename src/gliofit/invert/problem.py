"""One case to invert: tissue, observation, bounds, and the means to do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.networks import Networks
from gliofit.invert.observation import (
    AbstractObservation,
    ConcentrationObservation,
    EmptyObservationError,
    SegmentationObservation,
)
from gliofit.invert.trace import OnProgress, Trace
from gliofit.theta import Bounds, Theta
from gliofit.tissue import Tissue

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
    ) -> Problem:
        """With the bounds of the settings about the observation's centre of mass."""
        box = settings.bounds
        bounds = Bounds.around(observation.centre_mm, box.origin_reach_mm, box.mu_d_mm, box.mu_rho)
        tissue, networks = observation.tissue, networks or Networks()
        return cls(tissue, observation, bounds, networks, seed, threads, on_progress, start, atlas)

    def held_origin_mm(self, origin: str) -> NDArray[np.float64] | None:
        """The fixed origin under a method's ``origin`` setting, shape (3,) in world mm; None if it is a variable."""
        return self.observation.centre_mm if origin == "com-fixed" else None

    def starting_at(self, origin: str, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """A first theta, shape (5,), with its origin at the centre of mass under ``origin: com-start``."""
        return np.array([*self.observation.centre_mm, *start[3:]]) if origin == "com-start" else start

    def start_trace(self) -> Trace:
        """An empty record whose clock runs from now."""
        return Trace(self.on_progress)
