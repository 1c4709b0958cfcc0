"""A tiny brain, and shards of analytic blobs in it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.core.crop import CropSettings, centre_of_mass_mm
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue
from gliofit.simulate.shard import ShardWriter
from gliofit.train.fit import train_model
from gliofit.train.settings import ModelSettings, TrainSettings
from gliofit.train.training import TrainingJob

SPACING = 4.0
SMALL = {"widths": (4, 8), "kernel_size": 3, "layer_scale": 0.1}
#: Mean and standard deviation of theta, for networks that are not trained.
THETA = (1.0, -1.0, 0.5, 9.0, 3.5), (4.0, 4.0, 4.0, 3.0, 1.0)


def make_tissue(orientation=(1, 1, 1)) -> Tissue:
    """An ellipsoid of grey matter around white matter, with axes possibly reversed."""
    shape = (22, 24, 20)
    affine = np.diag([SPACING * o for o in orientation] + [1.0])
    affine[:3, 3] = [-o * SPACING * (n - 1) / 2 for o, n in zip(orientation, shape, strict=True)]
    grid = Grid(shape, affine)
    world = grid.voxel_to_world(np.moveaxis(np.indices(shape), 0, -1))
    radius = np.sqrt(((world / [40.0, 44.0, 36.0]) ** 2).sum(axis=-1))
    # Not symmetric, so that mirrored data can be told from the original.
    wm = ((radius < 0.7) & (world[..., 0] > -24)).astype(np.float32)
    gm = ((radius < 1.0) & (wm == 0)).astype(np.float32)
    return Tissue(wm, gm, np.zeros(shape, np.float32), grid)


def tissue_of(size, batch=1):
    """White matter with a slab of grey matter, empty at the rim."""
    maps = torch.zeros(batch, 3, size, size, size)
    maps[:, 0, 1:-1, 1:-1, 1:-1] = 1
    slab = slice(size // 2 + 2, size // 2 + 4)
    maps[:, 0, slab], maps[:, 1, slab] = 0, maps[:, 0, slab].clone()
    maps[:, 2] = maps[:, 0] + maps[:, 1]
    return maps


def blob(tissue: Tissue, origin_mm, mu_d_mm, mu_rho) -> np.ndarray:
    """A stand-in for a tumour that depends smoothly on all five parameters."""
    world = tissue.grid.voxel_to_world(np.moveaxis(np.indices(tissue.grid.shape), 0, -1))
    field = 1 / (1 + np.exp((np.linalg.norm(world - origin_mm, axis=-1) - 2.0 * mu_d_mm) / (2.0 + mu_rho)))
    return (field * tissue.mask).astype(np.float32)


def write_shard(folder: Path, name: str, tissue: Tissue, samples: int, seed: int) -> Path:
    """Write a shard of blobs."""
    rng = np.random.default_rng(seed)
    writer, rows = ShardWriter(folder / f"{name}.nii", tissue.grid, samples), []
    for index in range(samples):
        origin = rng.uniform(-12, 12, 3)
        mu_d, mu_rho = rng.uniform(4, 9), rng.uniform(1, 6)
        field = blob(tissue, origin, mu_d, mu_rho)
        writer.append(field)
        com = centre_of_mass_mm(Volume(field, tissue.grid))
        row = {"sample": index, "seed": index, "index": index, "mu_d_mm": mu_d, "mu_rho": mu_rho}
        for axis, letter in enumerate("xyz"):
            row |= {f"origin_{letter}_mm": origin[axis], f"com_{letter}_mm": com[axis]}
        rows.append(row)
    writer.close()
    pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.nii"


@pytest.fixture(scope="session")
def tissue() -> Tissue:
    return make_tissue()


@pytest.fixture(scope="session")
def crop() -> CropSettings:
    return CropSettings(size=8, spacing_mm=8.0)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory, tissue) -> Path:
    """Folder with two training shards, a validation shard and the tissue."""
    folder = tmp_path_factory.mktemp("shards")
    tissue.save(folder / "tissue")
    write_shard(folder, "train-00000", tissue, 6, 0)
    write_shard(folder, "train-00001", tissue, 5, 1)
    write_shard(folder, "validation-00000", tissue, 4, 2)
    return folder


@pytest.fixture
def train_paths(data_dir) -> list[Path]:
    return sorted(data_dir.glob("train-*.nii"))


@pytest.fixture
def make_settings(crop):
    """Settings of a stage with one small model of each kind; keywords change both."""

    def make(**changes) -> TrainSettings:
        common = {"batch_size": 4, "learning_rate": 3e-3, "epochs": 2, "precision": "float32"} | changes
        common["network"] = SMALL | common.get("network", {})
        names = ("convnext-unet", "direct-inverse")
        return TrainSettings(crop=crop, models={name: ModelSettings(architecture=name, **common) for name in names})

    return make


@pytest.fixture
def train(train_paths, data_dir):
    """Train a small model and return its folder."""

    validation = [data_dir / "validation-00000.nii"]

    def run(settings, out, name="convnext-unet", seed=0, validation=validation, **options) -> Path:
        train_model(TrainingJob(train_paths, validation, data_dir / "tissue", settings, name, out, seed, **options))
        return out

    return run
