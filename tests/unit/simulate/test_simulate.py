from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.io import read_table, read_volume
from gliofit.core.labels import TissueLabel
from gliofit.core.tissue import Tissue
from gliofit.simulate.grow import grow_sample, theta_of
from gliofit.simulate.pilot import pilot_table, write_pilot_report
from gliofit.simulate.sampler import draw_parameters
from gliofit.simulate.settings import PRESETS, SimulateSettings, WarpSettings
from gliofit.simulate.shard import SHARD_SCALE, extract_case, read_sample, read_shard, simulate_shard
from gliofit.solver.registry import make_solver

SETTINGS = SimulateSettings(samples_per_shard=3, test_cases=5, pilot_samples=12, spacing_mm=4.0)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, brain):
    folder = tmp_path_factory.mktemp("shards")
    table = simulate_shard(brain, "train-00000", SETTINGS, 7, folder)
    brain.save(folder / "tissue")
    return folder, table


def test_draws_lie_in_the_ranges_and_in_tissue(brain):
    drawn = draw_parameters(brain, PRESETS["paper"], 300, 1)
    for name, (low, high) in PRESETS["paper"]:
        assert drawn[name].between(low, high).all()
        # Uniform: the mean of 300 draws lies within four standard errors of the middle.
        assert abs(drawn[name].mean() - (low + high) / 2) < 4 * (high - low) / np.sqrt(12 * 300)
    voxels = brain.grid.world_to_voxel(drawn[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy())
    labels = brain.labels[tuple(np.rint(voxels).astype(int).T)]
    assert (labels >= TissueLabel.GREY_MATTER).all()
    # Uniform over the volume: the share of seeds in white matter is its share of the tissue.
    share = (brain.labels == 3).sum() / (brain.labels >= 2).sum()
    assert (labels == 3).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 300))
    assert len(np.unique(np.mod(voxels, 1).round(3))) > 100  # not on voxel centres only


def test_theta_is_that_of_the_time_grown(brain):
    """Growing the stated theta for the full time reproduces the sample (up to the time step's error)."""
    drawn = draw_parameters(brain, PRESETS["paper"], 1, 3).iloc[0]
    sample = grow_sample(brain, drawn, SETTINGS.integrator)
    again = make_solver(SETTINGS.integrator).solve(brain, theta_of(sample.row)).concentration
    assert np.abs(again - sample.concentration.data).max() < 0.08
    assert sample.row["mu_d_mm"] == pytest.approx(
        np.sqrt(sample.row["diffusivity_mm2_per_day"] * sample.row["final_time_days"])
    )
    com = [sample.row[f"com_{axis}_mm"] for axis in "xyz"]
    np.testing.assert_allclose(com, centre_of_mass_mm(sample.concentration))


def test_shard_is_memory_mapped_integers_with_scale(shards, brain):
    folder, table = shards
    image = nib.load(folder / "train-00000.nii")
    assert image.shape == (*brain.grid.shape, 3)
    assert image.get_data_dtype() == np.uint16
    assert image.dataobj.slope == pytest.approx(SHARD_SCALE)
    shard = read_shard(folder / "train-00000.nii")
    assert isinstance(shard.counts.base, np.memmap) or isinstance(shard.counts, np.memmap)
    assert shard.grid.matches(brain.grid)
    assert list(table["index"]) == [0, 1, 2]
    assert set(table["split"]) == {"train"}
    assert set(table["integrator"]) == {"accurate"}
    pd.testing.assert_frame_equal(shard.table, table)


def test_stored_sample_equals_the_grown_one(shards, brain):
    folder, _ = shards
    volume, row = read_sample(folder / "train-00000.nii", 1)
    solution = make_solver(SETTINGS.integrator).solve(
        brain, theta_of(row).at_fraction(100.0 / row["final_time_days"]), stopping_volume_mm3=row["stopping_volume_mm3"]
    )
    assert np.abs(volume.data - solution.concentration)[brain.labels >= 2].max() <= SHARD_SCALE
    np.testing.assert_allclose(centre_of_mass_mm(volume), [row[f"com_{a}_mm"] for a in "xyz"], atol=0.01)


def test_same_seed_same_bytes(shards, brain, tmp_path):
    folder, _ = shards
    simulate_shard(brain, "train-00000", SETTINGS, 7, tmp_path)
    for name in ("train-00000.nii", "train-00000.parquet"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    simulate_shard(brain, "validation-00000", SETTINGS, 7, tmp_path)
    assert (tmp_path / "validation-00000.nii").read_bytes() != (folder / "train-00000.nii").read_bytes()


def test_an_interrupted_shard_leaves_nothing(brain, tmp_path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            simulate_shard(brain, "train-00000", SETTINGS, 7, tmp_path, interrupt, threads)
        assert list(tmp_path.iterdir()) == []


def test_broken_shards_are_refused(shards, tmp_path):
    folder, table = shards
    data = (folder / "train-00000.nii").read_bytes()
    for content, rows, words in ((data[:-10], 3, "bytes, its header states"), (data, 2, "rows for")):
        (tmp_path / "broken.nii").write_bytes(content)
        table.head(rows).to_parquet(tmp_path / "broken.parquet")
        with pytest.raises(InputError, match=words):
            read_shard(tmp_path / "broken.nii")
    with pytest.raises(InputError, match="not found"):
        read_shard(tmp_path / "absent.nii")
    with pytest.raises(InputError, match="has no sample 3"):
        read_sample(folder / "train-00000.nii", 3)


def test_further_shards_take_turns_over_the_warped_atlases():
    many = SETTINGS.model_copy(update={"train_shards": 2, "warps": WarpSettings(count=2, train_shards=3)})
    assert many.anatomies == ["atlas", "warped-00000", "warped-00001"]
    turns = ["atlas", "atlas", "warped-00000", "warped-00001", "warped-00000"]
    assert [many.anatomy_of(shard) for shard in many.shard_names("train")] == turns
    for split in ("validation", "test"):
        assert {many.anatomy_of(shard) for shard in many.shard_names(split)} == {"atlas"}
    assert {SETTINGS.anatomy_of(shard) for shard in SETTINGS.shard_names("train")} == {"atlas"}
    with pytest.raises(ValueError, match=r"set warps\.count"):
        SimulateSettings(warps={"train_shards": 1})


def test_case_folder(shards, tmp_path, brain):
    folder, table = shards
    extract_case("synthetic-00002", folder / "train-00000.nii", 2, folder / "tissue", tmp_path)
    truth = read_table(tmp_path / "truth.parquet")
    assert truth.loc[0, "case"] == "synthetic-00002"
    assert truth.loc[0, "mu_rho"] == table.loc[2, "mu_rho"]
    tissue = Tissue.load(tmp_path, "probabilities")
    np.testing.assert_allclose(tissue.wm, brain.wm, atol=1e-6)
    expected, _ = read_sample(folder / "train-00000.nii", 2)
    np.testing.assert_array_equal(read_volume(tmp_path / "concentration.nii.gz").data, expected.data)


def test_pilot_report(tmp_path, brain, drawn):
    table = pilot_table(brain, SETTINGS, 3)
    write_pilot_report(table, SETTINGS, tmp_path)
    summary = json.loads((tmp_path / "pilot.json").read_text())
    assert summary["samples"] == len(table) == 12
    assert summary["integrator"] == "accurate"
    assert set(table["integrator"]) == {"accurate"}
    assert summary["mu_d_mm"]["mean"] == pytest.approx(table["mu_d_mm"].mean())
    assert summary["mu_rho"]["paper_mean"] == 3.8
    assert (tmp_path / "pilot.png").stat().st_size > 10_000
