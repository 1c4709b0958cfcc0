"""The network that reads segmentations in the atlas, its samples, and its training."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid
from gliofit.core.io import read_json
from gliofit.train.architecture import Frame, find_architecture
from gliofit.train.dataset import SegmentedDataset, ShardDataset
from gliofit.train.models.lmi import Settings
from gliofit.train.settings import ModelSettings, TrainSettings
from gliofit.train.surrogate import load_atlas_inverse, load_direct_inverse, load_surrogate

from .conftest import blob

CUBE = CropSettings(size=16, spacing_mm=8.0)
SMALL = {"channels": 4, "blocks": 3, "convolutions": 2}


def make_stage(**changes) -> TrainSettings:
    """A stage whose own crop is not the network's."""
    model = {"architecture": "lmi", "network": SMALL, "crop": CUBE, "anatomies": "atlas", "flip_axes": []}
    model |= {"batch_size": 4, "learning_rate": 3e-3, "epochs": 2} | changes
    return TrainSettings(crop=CropSettings(size=8, spacing_mm=4.0), models={"lmi": ModelSettings.model_validate(model)})


@pytest.fixture
def data(train_paths, tissue) -> ShardDataset:
    return ShardDataset(train_paths, tissue, CUBE, anchor="grid")


def test_published_size():
    with torch.device("meta"):
        network = find_architecture("lmi").build({}, Frame(3, 128))
    # 22 016 of the first convolution, 16 of 110 656, 325 of the linear layer.
    assert sum(p.numel() for p in network.parameters()) == 22016 + 16 * 110656 + 325 == 1792837
    assert not [m for m in network.modules() if "Norm" in type(m).__name__]


def test_shapes_and_no_parameter_without_gradient():
    network = find_architecture("lmi").build(SMALL, Frame(3, 32), seed=0)
    image = torch.rand(3, 1, 32, 32, 32)
    seen = []
    for block in network.blocks:
        block.register_forward_hook(lambda module, given, out: seen.append(out.shape[-1]))
    out = network(image)
    assert (out.shape, seen) == ((3, 5), [16, 8, 4])
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    with pytest.raises(InputError, match="12 is not a multiple of 8"):
        find_architecture("lmi").build(SMALL, Frame(3, 12))


def test_the_cube_stays_where_it_is(data, train_paths, tissue):
    rows = pd.concat([pd.read_parquet(path.with_suffix(".parquet")) for path in train_paths])
    origins = rows[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy(float)
    assert np.abs(data.centre_mm - tissue.grid.centre_mm).max() <= 2.0
    assert_allclose(data.theta[:, :3], origins - data.centre_mm)
    batch = data.batch([0, 7])
    # 64 voxels of 4 mm in 8 of 8 mm: the whole brain is in the cube.
    row = rows.iloc[7]
    full = blob(tissue, origins[7], row["mu_d_mm"], row["mu_rho"])
    assert float(batch.concentration[1].sum()) * 8 == pytest.approx(full.sum(), rel=1e-3)
    assert torch.equal(batch.tissue[0], batch.tissue[1])
    assert_allclose(batch.tissue[0], data.crops[0].channels(tissue.canonical()))
    moved = data.batch([3]).concentration - batch.concentration[0]
    assert moved.abs().max() > 0.1


def test_thresholds_change_with_the_epoch_and_follow_the_seed(data):
    one, again, other = (SegmentedDataset(data, Settings(), seed) for seed in (5, 5, 6))
    first, second = one.of_epoch(0).thresholds, one.of_epoch(1).thresholds
    assert_allclose([first, second], [again.of_epoch(epoch).thresholds for epoch in (0, 1)])
    assert (first != second).all()
    assert (first != other.of_epoch(0).thresholds).all()
    drawn = np.concatenate([one.of_epoch(epoch).thresholds for epoch in range(60)])
    assert_allclose(drawn.min(axis=0), [0.05, 0.5], atol=0.02)
    assert_allclose(drawn.max(axis=0), [0.5, 0.85], atol=0.02)
    assert len({one.fingerprint, other.fingerprint, data.fingerprint}) == 3
    fixed = SegmentedDataset(data, Settings(), None)
    assert_allclose(fixed.of_epoch(3).thresholds, np.tile([0.275, 0.675], (11, 1)))


def test_samples_are_cut_at_their_own_thresholds(data):
    seen = SegmentedDataset(data, Settings(), 5).of_epoch(2)
    order = np.array([4, 1, 9])
    (pair, single), concentration = list(seen.batches(order, 2)), data.batch(order).concentration.numpy()
    images = torch.cat([pair.concentration, single.concentration]).numpy()
    for image, truth, (whole, core) in zip(images, concentration, seen.thresholds[order], strict=True):
        expected = np.select([truth >= np.float32(core), truth >= np.float32(whole)], [0.999, 0.333])
        assert_allclose(image, expected, atol=1e-6)
    assert len(np.unique(images)) == 3
    assert torch.equal(pair.theta, data.batch(order[:2]).theta)


@pytest.fixture
def trained(train, tmp_path):
    return train(make_stage(), tmp_path / "lmi", "lmi")


def test_it_trains_in_its_own_cube_and_is_loaded_in_physical_units(trained, data, tissue):
    info = read_json(trained / "model.json")
    assert (info["kind"], info["crop"]) == ("atlas-inverse", CUBE.model_dump())
    assert_allclose(info["centre_mm"], data.centre_mm)
    assert_allclose(info["theta"]["mean"], data.theta.mean(axis=0))
    model = load_atlas_inverse(trained)
    image = SegmentedDataset(data, Settings(), None).batch([2]).concentration
    assert_allclose(model(image), model.theta_mean + model.normalised(image) * model.theta_std)
    # The same cube on finer voxels of the same brain, which end elsewhere: the odd one of 23 is left out.
    affine = tissue.grid.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = tissue.grid.voxel_to_world((-0.25, -0.25, -0.25))
    fine = Grid((43, 48, 40), affine)
    assert np.abs(fine.centre_mm - tissue.grid.centre_mm).max() > 0.9
    assert_allclose(model.cube(fine).centre_mm, data.centre_mm)
    for load, name in ((load_surrogate, "a surrogate"), (load_direct_inverse, "a direct inverse network")):
        with pytest.raises(InputError, match=f"segmentations in the atlas; .* {name}"):
            load(trained)


def test_weights_are_passed_on_in_their_own_place_only(trained, train, tmp_path):
    passed = train(make_stage(init=trained, epochs=0), tmp_path / "passed", "lmi")
    assert (passed / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()
    info = read_json(trained / "model.json")
    info["centre_mm"][1] += 4
    (trained / "model.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="has a cube about"):
        train(make_stage(init=trained, epochs=0), tmp_path / "refused", "lmi")
