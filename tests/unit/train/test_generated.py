"""Samples grown while training are those of shards, and depend on nothing but seed, epoch and index."""

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.core.crop import CropSettings
from gliofit.simulate.many import grow_samples
from gliofit.simulate.settings import SimulateSettings, WarpSettings
from gliofit.simulate.shard import ShardWriter
from gliofit.simulate.warp import warp_tissue
from gliofit.train.dataset import Batch, ShardDataset
from gliofit.train.generated import GeneratedDataset

SETTINGS = SimulateSettings(spacing_mm=4.0, integrator={"backend": "numba"}, batch_size=2)
CROP = CropSettings(size=16, spacing_mm=8.0)


@pytest.fixture(scope="module")
def tissues(brain):
    return {"atlas": brain, "warped-00000": warp_tissue(brain, WarpSettings(), 0)}


def make(tissues, seed=5, samples=7, **options) -> GeneratedDataset:
    return GeneratedDataset(tissues, CROP, SETTINGS, seed, samples, **({"pilot": 4} | options))


@pytest.fixture(scope="module")
def data(tissues):
    return make(tissues)


@pytest.fixture(scope="module")
def all_samples(data) -> Batch:
    return data.batch(range(7))


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def joined(batches) -> Batch:
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def rows_of(batch: Batch, rows) -> Batch:
    return Batch(*(part[torch.as_tensor(np.array(rows))] for part in batch))


def test_samples_are_those_of_shards_with_the_same_draws(data, all_samples, tissues, tmp_path):
    paths = []
    for place, (name, tissue) in enumerate(tissues.items()):
        own, path, rows = range(place, 7, 2), tmp_path / f"train-{place:05d}.nii", []
        writer = ShardWriter(path, tissue.grid, len(own))
        grown = grow_samples(
            tissue, lambda k, attempt, own=own: data.draw(own[k], attempt), len(own), SETTINGS.integrator
        )
        for index, (sample, _) in enumerate(grown):
            writer.append(sample.concentration.data)
            rows.append(sample.row | {"index": index, "anatomy": name})
        writer.close()
        pd.DataFrame(rows).to_parquet(path.with_suffix(".parquet"))
        paths.append(path)
    stored = ShardDataset(paths, tissues, CROP)
    order = [0, 2, 4, 6, 1, 3, 5]
    assert same(stored.batch(range(7)), rows_of(all_samples, order))
    assert [data.anatomies[index % len(data.anatomies)] for index in order] == ["atlas"] * 4 + ["warped-00000"] * 3
    assert all_samples.concentration.amax(dim=(1, 2, 3)).min() > 0.01


@pytest.mark.parametrize("threads", [1, 3])
def test_neither_order_nor_threads_matter(data, all_samples, threads):
    for order in (np.arange(7), np.array([6, 1, 4, 0, 3])):
        batches = list(data.batches(order, 2, threads))
        assert [len(batch.theta) for batch in batches] == [2] * (len(order) // 2) + [1]
        assert same(joined(batches), rows_of(all_samples, order))


def test_batches_on_a_device_change_nothing(data, all_samples, monkeypatch):
    """The path of CUDA, where tumours of one tissue grow together; here on the CPU."""
    monkeypatch.setattr(data, "_on_device", True)
    jobs = data._jobs([6, 1, 4, 0, 3])
    assert jobs == [[6, 4], [0], [1, 3]]
    order = np.array([6, 1, 4, 0, 3])
    assert same(joined(data.batches(order, 2)), rows_of(all_samples, order))


def test_epochs_differ_and_come_back(data, all_samples):
    first, second = data.of_epoch(0), data.of_epoch(1)
    one = second.batch([0, 1])
    assert not torch.equal(one.theta, all_samples.theta[:2])
    assert same(data.of_epoch(1).batch([0, 1]), one)
    assert same(first.batch([0]), rows_of(all_samples, [0]))
    # Going on in the middle of an epoch is asking for the rest of its order.
    order = np.array([5, 0, 3])
    assert same(joined(list(second.batches(order, 1))[1:]), joined(second.batches(order[1:], 1)))
    assert first.fingerprint == second.fingerprint == data.fingerprint
    assert second.theta is data.theta


def test_passes_reuse_the_samples_of_an_epoch(data, tissues, monkeypatch):
    twice = make(tissues, passes=2)
    order = np.arange(7)
    epochs = [joined(twice.of_epoch(epoch).batches(order, 3)) for epoch in range(2)]
    assert same(*epochs)
    assert same(epochs[0], joined(data.of_epoch(0).batches(order, 3)))
    with monkeypatch.context() as patched:
        patched.setattr("gliofit.train.generated.grow_samples", None)
        assert same(joined(twice.of_epoch(1).batches(order[::-1], 3)), rows_of(epochs[0], order[::-1]))
    # In the order of a resumed training, too.
    assert same(joined(make(tissues, passes=2).of_epoch(3).batches(order, 3)), data.of_epoch(1).batch(order))
    assert twice.fingerprint != data.fingerprint


def test_fingerprint_tells_data_apart(data, tissues):
    assert make(tissues).fingerprint == data.fingerprint
    atlas = tissues["atlas"]
    brains = (make(atlas), make({"atlas": atlas, "warped-00000": atlas}))
    changed = [make(tissues, seed=6), make(tissues, samples=8), *brains]
    assert len({other.fingerprint for other in changed} | {data.fingerprint}) == 5
