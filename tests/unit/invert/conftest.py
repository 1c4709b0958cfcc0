from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.crop import Crop
from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import ConcentrationObservation

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
        return Problem(observation, settings, networks, seed, **keys)

    return make


@pytest.fixture(scope="session")
def mixed() -> Tissue:
    """White and grey matter in soft waves with a ventricle, 4 mm voxels."""
    n, h = 30, 4.0
    affine = np.diag([h, h, h, 1.0])
    affine[:3, 3] = -h * (n - 1) / 2
    grid = Grid((n, n, n), affine)
    x, y, z = np.moveaxis(grid.voxel_to_world(np.stack(np.meshgrid(*(np.arange(n),) * 3, indexing="ij"), -1)), -1, 0)
    inside = (x**2 + y**2 + z**2 < 55**2) & (((x + 14) / 8) ** 2 + (y / 14) ** 2 + ((z - 5) / 8) ** 2 > 1)
    white = 0.5 + 0.5 * np.tanh(3 * np.sin(x / 9) * np.cos(y / 11) + z / 30)
    return Tissue(white * inside, (1 - white) * inside, ~inside, grid)
