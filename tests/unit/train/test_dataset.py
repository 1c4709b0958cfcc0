"""Shards as training samples."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError
from gliofit.core.tissue import Tissue
from gliofit.train.dataset import ShardDataset, anatomies_of_shards, flip

from .conftest import blob, make_tissue, write_shard


def test_samples_are_cubes_about_the_stored_centre(train_paths, tissue):
    fine = CropSettings(size=16, spacing_mm=4.0)
    data = ShardDataset(train_paths, tissue, fine)
    assert len(data) == 11
    batch = data.batch([0, 10])
    assert (batch.tissue.shape, batch.concentration.shape) == ((2, 3, 16, 16, 16), (2, 16, 16, 16))
    row = pd.read_parquet(train_paths[1].with_suffix(".parquet")).iloc[4]
    com = row[["com_x_mm", "com_y_mm", "com_z_mm"]].to_numpy(float)
    centre = data.crops[10].centre_mm
    assert np.abs(com - centre).max() <= 2.0
    origin = row[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy(float)
    assert_allclose(batch.theta[1], [*(origin - centre), row["mu_d_mm"], row["mu_rho"]], rtol=1e-5)
    # The voxel at the origin's position holds the value of the tumour there.
    full = blob(tissue, origin, row["mu_d_mm"], row["mu_rho"])
    voxel = np.rint(data.crops[10].grid.world_to_voxel(origin)).astype(int)
    there = np.rint(tissue.grid.world_to_voxel(data.crops[10].grid.voxel_to_world(voxel))).astype(int)
    assert batch.concentration[1][tuple(voxel)] == pytest.approx(full[tuple(there)], abs=1e-4)


def test_cutting_anew_equals_the_cache(train_paths, tissue, crop):
    cached = ShardDataset(train_paths, tissue, crop)
    fresh = ShardDataset(train_paths, tissue, crop, cache_gib=0)
    order = np.array([3, 10, 0, 7, 5])
    for threads in (1, 3):
        for a, b in zip(cached.batches(order, 2), fresh.batches(order, 2, threads), strict=True):
            for x, y in zip(a, b, strict=True):
                assert torch.equal(x, y)


def test_orientation_of_the_shard_does_not_matter(tmp_path, tissue, crop):
    samples = []
    for name, orientation in (("ras", (1, 1, 1)), ("lps", (-1, -1, 1))):
        (tmp_path / name).mkdir()
        turned = make_tissue(orientation)
        path = write_shard(tmp_path / name, "train-00000", turned, 3, 0)
        samples.append(ShardDataset([path], turned, crop).batch([0, 1, 2]))
    for a, b in zip(*samples, strict=True):
        assert_allclose(a, b, atol=1e-4)


def test_flip_mirrors_arrays_and_origin(train_paths, tissue, crop):
    batch = ShardDataset(train_paths, tissue, crop).batch([0, 1])
    mirrored = flip(batch, torch.tensor([[True, False, True], [False, False, False]]))
    assert torch.equal(mirrored.concentration[0], batch.concentration[0].flip(0, 2))
    assert torch.equal(mirrored.tissue[0], batch.tissue[0].flip(1, 3))
    assert torch.equal(mirrored.theta[0], batch.theta[0] * torch.tensor([-1.0, 1.0, -1.0, 1.0, 1.0]))
    for a, b in zip(mirrored, batch, strict=True):
        assert torch.equal(a[1], b[1])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.drop(columns="com_y_mm"), "com_y_mm"),
        (lambda table: table.iloc[1:], "shard|samples"),
        (lambda table: table.assign(index=0), "once"),
        (lambda table: table.assign(mu_rho=np.nan), "not finite"),
    ],
)
def test_broken_tables_are_named(train_paths, tmp_path, tissue, crop, change, problem):
    shutil.copy(train_paths[0], tmp_path / "broken.nii")
    change(pd.read_parquet(train_paths[0].with_suffix(".parquet"))).to_parquet(tmp_path / "broken.parquet")
    with pytest.raises(InputError, match=problem):
        ShardDataset([tmp_path / "broken.nii"], tissue, crop)


@pytest.fixture
def mixed(tmp_path, tissue):
    """Shards of the atlas, which does not say so, and of a brain without white matter; and both tissues."""
    grey = Tissue(np.zeros_like(tissue.wm), tissue.wm + tissue.gm, tissue.csf, tissue.grid)
    paths = [write_shard(tmp_path, "train-00000", tissue, 3, 0), write_shard(tmp_path, "train-00001", grey, 2, 0)]
    table = pd.read_parquet(paths[1].with_suffix(".parquet"))
    table.assign(anatomy="warped-00000").to_parquet(paths[1].with_suffix(".parquet"))
    return paths, {"atlas": tissue, "warped-00000": grey}


def test_samples_come_with_their_own_tissue(mixed, crop):
    paths, tissues = mixed
    assert anatomies_of_shards(paths) == ["atlas", "warped-00000"]
    data = ShardDataset(paths, tissues, crop, cache_gib=0)
    batch = data.batch([1, 3, 0, 4])
    white = batch.tissue[:, 0].amax(dim=(1, 2, 3))
    assert (white[[0, 2]] > 0.5).all()
    assert (white[[1, 3]] == 0).all()
    # The same draws in both: the tissue is all that differs.
    assert_allclose(batch.tissue[2].sum(dim=0), batch.tissue[1].sum(dim=0), atol=1e-4)
    assert torch.equal(batch.concentration[2], batch.concentration[1])
    assert torch.equal(batch.theta[2], batch.theta[1])
    assert data.tissue.grid.isotropic_spacing_mm == 4.0
    assert data.of_epoch(3) is data


def test_one_tissue_is_the_atlas(mixed, crop):
    paths, tissues = mixed
    alone = ShardDataset(paths[:1], tissues["atlas"], crop)
    assert alone.fingerprint == ShardDataset(paths[:1], tissues, crop).fingerprint
    for given in (tissues["atlas"], {"atlas": tissues["atlas"]}):
        with pytest.raises(InputError, match=r"train-00001\.nii.*warped-00000"):
            ShardDataset(paths, given, crop)
