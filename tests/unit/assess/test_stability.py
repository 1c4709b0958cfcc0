from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.assess.settings import StabilitySettings
from gliofit.assess.stability import (
    displace,
    examine_case,
    paper_stability,
    run_stability,
    search_settings,
    stability_table,
    summarise_stability,
)
from gliofit.core.crop import Crop
from gliofit.core.io import write_table
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.space import Bounds
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import ConcentrationObservation
from gliofit.report.render import write_renderings
from gliofit.simulate.shard import ShardWriter

# The fakes of the inversion's tests, which are a package of their own.
_SPEC = spec_from_file_location("invert_fakes", Path(__file__).parents[1] / "invert/fakes.py")
fakes = module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)

TRUTH = fakes.TRUTH
#: Where the folded surrogates have their second minimum: as far above 15 mm as the truth is below.
FOLD, MIRROR = 15.0, 21.0
NEAR = Theta((7.0, -9.0, 3.0), 11.0, 3.6)
SETTINGS = StabilitySettings(starts=12)
INVERT = InvertSettings(methods={"hybrid": {"inverter": "hybrid"}})


class Folded(fakes.FakeSurrogate):
    """Predicts the same at equal distances of mu_D from the fold: two minima with the same loss."""

    def folded(self, theta):
        mu_d = ((theta[:, 3] - FOLD).square() + 1e-3).sqrt() + 2 * TRUTH.mu_d_mm - FOLD
        return torch.cat([theta[:, :3], mu_d[:, None], theta[:, 4:]], dim=1)

    def __call__(self, tissue, theta):
        return super().__call__(tissue, self.folded(theta))


def examine(surrogate, direct=NEAR, settings=SETTINGS, invert=INVERT, method="hybrid"):
    tissue = fakes.cube_brain()
    observation = ConcentrationObservation(fakes.blob_volume(tissue, TRUTH), tissue)
    centre = Crop.around(tissue.grid, observation.centre_mm, fakes.CROP).centre_mm
    networks = Networks(surrogate, fakes.FakeDirect(direct, centre))
    problem = Problem(observation, invert, networks, seed=3)
    table = examine_case(problem, TRUTH, settings, search_settings(invert, method), ("a",))
    table.insert(0, "case", "a")
    return table, problem


@pytest.fixture(scope="module")
def convex():
    return examine(fakes.FakeSurrogate())


@pytest.fixture(scope="module")
def folded():
    return examine(Folded())[0]


def test_one_minimum_is_found_from_everywhere(convex):
    summary = summarise_stability(convex[0])
    assert summary["radius"].tolist() == [0.0, 0.01, 0.1, 0.3]
    assert (summary[["mu_d_error", "mu_rho_error", "mu_d_moved", "mu_rho_moved"]] < 0.05).all(axis=None)
    assert summary["paper_mu_d_error"].tolist() == [0.72, 1.16, 1.53, 3.25]
    summary = summary[summary["radius"] > 0]
    assert (summary[["same_parameters", "same_loss", "same_both"]] == 1).all(axis=None)
    assert summary["starts"].tolist() == [12, 12, 12]
    assert summary["paper"].tolist() == [paper_stability(radius)["same_parameters"] for radius in (0.01, 0.1, 0.3)]
    assert convex[0]["theta_mse"].max() < 1e-4


def test_starts_lie_on_the_sphere_and_are_what_was_evaluated_first(convex):
    table, problem = convex
    unit = problem.bounds.to_unit(table[[f"start_{name}" for name in SPACE.columns]].to_numpy())
    moved = np.linalg.norm(unit - unit[0], axis=1)
    assert moved == pytest.approx(table["radius"].to_numpy(), abs=0.02)
    assert moved == pytest.approx(table["displacement"].to_numpy())
    assert len(np.unique(unit.round(6), axis=0)) == len(table)
    again = examine(fakes.FakeSurrogate())[0]
    columns = [f"start_{name}" for name in SPACE.columns]
    pd.testing.assert_frame_equal(table[columns], again[columns])


def test_two_minima_of_one_loss_differ_in_their_parameters_alone(folded):
    by_radius = summarise_stability(folded).set_index("radius")
    assert by_radius.loc[0.01, "same_parameters"] == 1
    assert 0 < by_radius.loc[0.3, "same_parameters"] < 1
    assert (by_radius["same_loss"].drop(0.0) == 1).all()
    moved = folded[folded["radius"] == 0.3]
    sizes = (moved["end_mu_d_mm"] - folded["end_mu_d_mm"].iloc[0]).abs()
    assert by_radius.loc[0.3, "mu_d_moved"] == pytest.approx(sizes.mean())
    assert by_radius.loc[0.3, "mu_d_moved_se"] == pytest.approx(sizes.std(ddof=1) / len(sizes) ** 0.5)
    errors = (moved["end_mu_d_mm"] - TRUTH.mu_d_mm).abs()
    assert by_radius.loc[0.3, "mu_d_error"] == pytest.approx(errors.mean())
    assert by_radius.loc[0.3, "same_both"] == by_radius.loc[0.3, "same_parameters"]
    ends = folded["end_mu_d_mm"]
    there = (ends - MIRROR).abs() < 0.5
    assert there.any()
    assert (there | ((ends - TRUTH.mu_d_mm).abs() < 0.5)).all()
    assert (folded["same_parameters"] == ~there).all()


def test_displacement_stays_inside():
    bounds = SPACE.bounds_about((0, 0, 0))
    corner, rng = bounds.from_unit(np.full(5, 0.01)), np.random.default_rng(1)
    for radius in (0.01, 0.3, 0.5):
        moved = displace(corner, radius, bounds, bounds, rng)
        unit = bounds.to_unit(moved)
        assert np.linalg.norm(unit - 0.01) == pytest.approx(radius)
        assert unit.min() >= 0
    assert displace(corner, 0, bounds, bounds, rng).tolist() == corner.tolist()
    # Without room for the whole length the result is the nearest point of the box.
    narrow = Bounds(bounds.from_unit(np.full(5, 0.005)), bounds.from_unit(np.full(5, 0.02)))
    unit = bounds.to_unit(displace(corner, 0.3, bounds, narrow, rng))
    assert ((unit >= 0.005 - 1e-9) & (unit <= 0.02 + 1e-9)).all()


def test_shards_in_tables_out(tmp_path):
    tissue = fakes.cube_brain()
    volumes = [fakes.blob_volume(tissue, TRUTH), fakes.blob_volume(tissue, TRUTH)]
    volumes[1].data[:] = 0
    writer = ShardWriter(tmp_path / "test-00000.nii", tissue.grid, 2)
    for volume in volumes:
        writer.append(volume.data)
    writer.close()
    truth = dict(zip(SPACE.columns, TRUTH.to_array(), strict=True))
    com = dict.fromkeys(("com_x_mm", "com_y_mm", "com_z_mm"), 0.0)
    write_table(tmp_path / "test-00000.parquet", pd.DataFrame([truth | com | {"index": i} for i in range(2)]))

    centre = Crop.around(tissue.grid, ConcentrationObservation(volumes[0], tissue).centre_mm, fakes.CROP).centre_mm
    networks = Networks(fakes.FakeSurrogate(), fakes.FakeDirect(NEAR, centre))
    done = []
    cases = [(name, tmp_path / "test-00000.nii", i) for i, name in enumerate(("full", "empty"))]
    settings = StabilitySettings(radii=(0.02, 0.1))
    table = run_stability(cases, tissue, networks, settings, INVERT, 1, lambda *at: done.append(at))
    assert done == [(1, 2), (2, 2)]
    assert table["case"].tolist() == ["full", "full", "full", "empty"]
    assert table["status"].tolist() == ["ok"] * 3 + ["failed"]
    assert table["same_parameters"].tolist()[:3] == [True] * 3
    assert table["same_parameters"].isna().tolist() == [False] * 3 + [True]
    write_table(tmp_path / "stability.parquet", table)
    again = stability_table(pd.read_parquet(tmp_path / "stability.parquet"), settings.tolerance)
    write_renderings(again, tmp_path, "stability")
    written = pd.read_csv(tmp_path / "stability.csv")
    assert written["same_both"].tolist()[1:] == [1, 1]
    assert np.isnan(written["paper"].iloc[:2]).all()
    assert written["paper"].iloc[2] == 0.795
