from __future__ import annotations

import pytest

from gliofit.crop import Crop
from gliofit.invert.networks import Networks
from gliofit.invert.problem import ConcentrationObservation, Problem
from gliofit.invert.settings import InvertSettings
from gliofit.theta import Theta
from gliofit.tissue import Tissue

from .fakes import CROP, TRUTH, FakeDirect, FakeSurrogate, blob_volume, cube_brain


@pytest.fixture(scope="session")
def cube() -> Tissue:
    return cube_brain()


@pytest.fixture
def settings() -> InvertSettings:
    return InvertSettings()


@pytest.fixture
def make_problem(cube, settings):
    """Problem with the fake networks; the direct network answers ``direct`` (world theta)."""

    def make(direct: Theta | None = None, observation=None, seed: int = 3, **keys) -> Problem:
        observation = observation or ConcentrationObservation(blob_volume(cube, TRUTH), cube)
        centre = Crop.around(cube.grid, observation.centre_mm, CROP).centre_mm
        networks = Networks(FakeSurrogate(), None if direct is None else FakeDirect(direct, centre))
        return Problem.create(observation, settings, networks, seed, **keys)

    return make
