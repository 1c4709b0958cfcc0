"""A small brain with test tumours that the solver grew, and stand-ins for surrogates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.assess.settings import GROUPS
from gliofit.assess.targets import simulate_targets
from gliofit.core.crop import CropSettings
from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.simulate.settings import SimulateSettings
from gliofit.solver.settings import AccurateSettings
from gliofit.train.dataset import ShardDataset

CROP = CropSettings(size=8, spacing_mm=8.0)
SIMULATE = SimulateSettings(integrator=AccurateSettings(tolerance=1e-2))
CASES = 3


def make_tissue(orientation=(1, 1, 1)) -> Tissue:
    """An ellipsoid of grey matter around white matter in 4 mm voxels, with axes possibly reversed."""
    shape = (22, 24, 20)
    affine = np.diag([4.0 * o for o in orientation] + [1.0])
    affine[:3, 3] = [-o * 2.0 * (n - 1) for o, n in zip(orientation, shape, strict=True)]
    grid = Grid(shape, affine)
    world = grid.voxel_to_world(np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1))
    radius = np.sqrt(((world / [40.0, 44.0, 36.0]) ** 2).sum(axis=-1))
    wm = ((radius < 0.7) & (world[..., 0] > -24)).astype(np.float32)
    gm = ((radius < 1.0) & (wm == 0)).astype(np.float32)
    return Tissue(wm, gm, np.zeros(shape, np.float32), grid)


class FakeSurrogate:
    """What of a surrogate the assessment uses; ``function`` maps tissue and theta to the concentration."""

    space = SPACE

    def __init__(self, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], crop: CropSettings = CROP):
        self.function, self.crop = function, crop
        self.theta_mean = torch.tensor([0.0, 0.0, 0.0, 9.0, 3.5])
        self.theta_std = torch.tensor([6.0, 6.0, 6.0, 4.0, 1.0])

    def bind(self, tissue):
        return lambda theta: self.function(tissue, theta)

    def __call__(self, tissue, theta):
        return self.bind(tissue)(theta)


def knows(data: ShardDataset, change=lambda field: field) -> FakeSurrogate:
    """A surrogate that returns a change of the stored concentration, found by theta."""
    batch = data.batch(range(len(data)))

    def look_up(tissue, theta):
        found = [int((batch.theta - own).abs().sum(dim=1).argmin()) for own in theta]
        return torch.stack([change(batch.concentration[index]) for index in found])

    return FakeSurrogate(look_up)


def forward_rows(model: str = "unet", group: str = "atlas", **columns) -> pd.DataFrame:
    """Eight made-up rows of ``assess_forward``, with some columns replaced."""
    case = np.arange(8)
    anatomy = {"atlas": "atlas", "warped": "warped-00000", "patients": "patient-a"}[group]
    assert group in GROUPS
    table = pd.DataFrame(
        {
            "model": model, "anatomy": anatomy, "group": group, "case": case, "origin_x_mm": 0.0, "origin_y_mm": 0.0,
            "origin_z_mm": 0.0, "mu_d_mm": 5.0 + case, "mu_rho": 2.0 + 0.1 * case, "origin_distance_mm": 3.0 * case,
            "volume_mm3": 1e4 * (case + 1), "front_width_mm": 8.0 - case, "outside_cube": 0.01 * case,
            "cube_volume_mm3": 1e4 * (case + 1), "predicted_volume_mm3": 1.1e4 * (case + 1),
            "mse_cube": 1e-3 * (case + 1), "mse_volume": 2e-4 * (case + 1), "mae_cube": 1e-2 * (case + 1),
            "ncc_cube": 0.9, "dice_033": 0.8, "dice_066": 0.7, "relative_volume_error": 0.1, "seconds": 0.5,
        }
    )  # fmt: skip
    return table.assign(**columns)


def gradient_rows(model: str = "unet", group: str = "atlas", cases: int = 4, **columns) -> pd.DataFrame:
    """Made-up rows of ``assess_gradients``: case number k has cosine k / 10 and relative norm k + 1."""
    anatomy = {"atlas": "atlas", "warped": "warped-00000", "patients": "patient-a"}[group]
    rows = [
        {"model": model, "anatomy": anatomy, "group": group, "case": case, "quantity": quantity,
         "cosine": case / 10, "relative_norm": case + 1.0}
        for case in range(cases)
        for quantity in (*SPACE.names, "loss")
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def grow_targets(folder: Path, orientation=(1, 1, 1), cases: int = CASES) -> Path:
    """Write ``tissue`` and the test tumours in it; returns the shard."""
    make_tissue(orientation).save(folder / "tissue")
    simulate_targets(folder / "tissue", "atlas", cases, SIMULATE, 1, folder)
    return folder / "test-00000.nii"


@pytest.fixture(scope="session")
def shard(tmp_path_factory) -> Path:
    return grow_targets(tmp_path_factory.mktemp("targets"))


@pytest.fixture(scope="session")
def tissue_dir(shard) -> Path:
    return shard.parent / "tissue"


@pytest.fixture(scope="session")
def data(shard, tissue_dir) -> ShardDataset:
    return ShardDataset([shard], Tissue.load(tissue_dir, "probabilities"), CROP)
