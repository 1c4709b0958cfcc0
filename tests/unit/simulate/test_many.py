"""Many samples at a time are the same samples as one after another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.io import read_table
from gliofit.core.seeds import derive_seed
from gliofit.simulate import many
from gliofit.simulate.many import grow_in_batches, grow_on_cores, grow_samples
from gliofit.simulate.sampler import draw_parameters
from gliofit.simulate.settings import PRESETS, SimulateSettings
from gliofit.simulate.shard import simulate_shard
from gliofit.solver.settings import AccurateSettings, ReferenceSettings

COUNT = 7
NUMBA = AccurateSettings(backend="numba")
REFERENCE = ReferenceSettings(max_reaction_step=0.2)


def draws(brain, changes=None):
    """Draws of the paper's preset; ``changes`` replaces values of the draw of a sample and attempt."""

    def draw(index: int, attempt: int) -> pd.Series:
        drawn = draw_parameters(brain, PRESETS["paper"], 1, derive_seed(3, index, attempt)).iloc[0].copy()
        for name, value in (changes or {}).get((index, attempt), {}).items():
            drawn[name] = value
        return drawn

    return draw


def same(first, second) -> bool:
    return len(first) == len(second) and all(
        a.row == b.row and redraws == others and np.array_equal(a.concentration.data, b.concentration.data)
        for (a, redraws), (b, others) in zip(first, second, strict=True)
    )


#: Two draws that make no sample: a seed far outside the brain, and one that alone holds the stopping volume.
BAD = {(2, 0): {"origin_x_mm": 500.0}, (4, 0): {"stopping_volume_mm3": 1.0}, (4, 1): {"origin_z_mm": -500.0}}


@pytest.fixture(scope="module")
def serial(brain):
    return list(grow_on_cores(brain, draws(brain, BAD), COUNT, NUMBA, 1))


def test_draws_that_make_no_sample_are_repeated(serial):
    assert [redraws for _, redraws in serial] == [0, 0, 1, 0, 2, 0, 0]
    assert all(sample.row["mu_d_mm"] > 0 and sample.row["final_time_days"] > 0 for sample, _ in serial)


def test_threads_change_nothing(brain, serial):
    assert same(list(grow_on_cores(brain, draws(brain, BAD), COUNT, NUMBA, 2)), serial)
    reference = [list(grow_on_cores(brain, draws(brain), 4, REFERENCE, threads)) for threads in (1, 2)]
    assert same(*reference)
    assert {sample.row["integrator"] for sample, _ in reference[0]} == {"reference"}


@pytest.mark.parametrize("batch_size", [1, 3])
def test_batches_change_nothing(brain, serial, batch_size):
    assert same(list(grow_in_batches(brain, draws(brain, BAD), COUNT, NUMBA, batch_size)), serial)


@pytest.mark.parametrize(("backend", "batches"), [("triton", [5, 2]), ("numba", [])])
def test_the_back_end_decides_between_cores_and_batches(brain, serial, monkeypatch, backend, batches):
    # The batches themselves run on the CPU here.
    taken = []
    whole = many.AccurateSolver.solve_batch

    def solve_batch(self, tissue, thetas, **keys):
        taken.append(len(thetas))
        return whole(self, tissue, thetas, **keys)

    monkeypatch.setattr(many, "choose_backend", lambda name: backend)
    monkeypatch.setattr(many.AccurateSolver, "solve_batch", solve_batch)
    assert same(list(grow_samples(brain, draws(brain), COUNT, NUMBA, 1, 5))[:2], serial[:2])
    assert [size for size in taken if size > 1] == batches


def test_shards_do_not_depend_on_threads(brain, tmp_path):
    settings = SimulateSettings(samples_per_shard=COUNT, integrator=NUMBA)
    for threads in (1, 3):
        done = []
        out = tmp_path / str(threads)
        simulate_shard(brain, "train-00000", settings, 7, out, lambda *what, done=done: done.append(what), threads)
        assert done == [(number, COUNT) for number in range(1, COUNT + 1)]
    for name in ("train-00000.nii", "train-00000.parquet"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()
    assert set(read_table(tmp_path / "1" / "train-00000.parquet")["integrator"]) == {"accurate"}
