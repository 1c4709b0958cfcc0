from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue
from gliofit.study.settings import StudySettings
from gliofit.study.target import average_over_tissue, make_targets
from gliofit.study.tissue import StudyTissue

SCENARIOS = {
    "accurate": {},
    "reference": {"integrator": {"name": "reference"}},
    "finer-voxels": {"spacing_mm": 4.0},
    "noise-1": {"noise": 0.01},
    "noise-5": {"noise": 0.05},
    "binary-tissue": {"fit_tissue": "labels"},
}


@pytest.fixture(scope="module")
def tissue(tmp_path_factory, brain):
    folder = tmp_path_factory.mktemp("atlas")
    brain.save(folder)
    return StudyTissue(folder, StudySettings(spacing_mm=8.0, scenarios=SCENARIOS))


@pytest.fixture(scope="module")
def targets(tissue):
    return make_targets(tissue, "paper", 3, 1)


def test_every_scenario_has_the_same_draw(targets):
    assert list(targets) == list(SCENARIOS)
    for name in ("seed", "origin_x_mm", "diffusivity_mm2_per_day", "proliferation_per_day", "stopping_volume_mm3"):
        assert len({target.row[name] for target in targets.values()}) == 1, name
    assert targets["reference"].row["integrator"] == "reference"
    # Theta is that of the time grown, which differs a little between integrators.
    theta = {name: target.theta.to_array() for name, target in targets.items()}
    np.testing.assert_allclose(theta["reference"], theta["accurate"], rtol=0.05)
    assert theta["reference"][3] != theta["accurate"][3]


def test_draws_depend_on_preset_number_and_seed_alone(tissue, targets):
    again = make_targets(tissue, "paper", 3, 1)
    np.testing.assert_array_equal(again["noise-5"].observed.data, targets["noise-5"].observed.data)
    seeds = {make_targets(tissue, *key)["accurate"].row["seed"] for key in (("paper", 4, 1), ("appendix-d", 3, 1))}
    seeds |= {make_targets(tissue, "paper", 3, 2)["accurate"].row["seed"], targets["accurate"].row["seed"]}
    assert len(seeds) == 4


def test_noise_has_its_deviation_in_tissue_and_is_nowhere_else(tissue, targets):
    inside = tissue.own.labels >= 2
    clean = targets["accurate"].clean.data
    for name, deviation in (("noise-1", 0.01), ("noise-5", 0.05)):
        target = targets[name]
        np.testing.assert_array_equal(target.clean.data, clean)
        noise = target.observed.data - clean
        assert not noise[~inside].any()
        assert noise[inside].std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * inside.sum()))
        assert target.observed.data.min() < 0
    # One pattern at all levels.
    np.testing.assert_allclose(
        targets["noise-5"].observed.data - clean, 5 * (targets["noise-1"].observed.data - clean), atol=1e-6
    )
    assert targets["accurate"].observed is targets["accurate"].clean


def test_finer_voxels_come_back_on_the_grid_of_the_fit(tissue, targets):
    coarse, fine = targets["accurate"].clean, targets["finer-voxels"].clean
    assert fine.grid.matches(coarse.grid)
    inside = tissue.own.labels >= 2
    assert not fine.data[~inside].any()
    assert 0 < np.abs(fine.data - coarse.data).max() < 0.5
    assert fine.data.sum() == pytest.approx(coarse.data.sum(), rel=0.15)


def test_average_is_over_tissue_alone():
    grid = Grid((4, 2, 2), np.eye(4))
    labels = np.zeros(grid.shape, np.uint8)
    labels[0] = 3  # four of eight voxels of the first block are white matter
    labels[2, 0, 0] = 2  # one grey voxel in the second, which is labelled background as a whole
    tissue = Tissue.from_labels(Volume(labels, grid))
    data = np.where(labels > 0, np.float32(0.5), np.float32(0))
    data[0, 0, 0] = 0.9
    mean = average_over_tissue(Volume(data, grid), tissue, tissue.coarsen(2))
    assert mean.data.shape == (2, 1, 1)
    assert mean.data[0, 0, 0] == pytest.approx((0.9 + 3 * 0.5) / 4)
    assert mean.data[1, 0, 0] == 0


def test_a_fit_sees_binary_tissue_where_asked(tissue):
    scenarios = tissue.settings.scenarios
    seen = tissue.of_fit(scenarios["binary-tissue"])
    assert set(np.unique(seen.wm)) == {0, 1}
    assert seen.grid.matches(tissue.own.grid)
    assert tissue.of_fit(scenarios["accurate"]) is tissue.own
    assert len(np.unique(tissue.own.wm)) > 2
    assert tissue.of_target(scenarios["finer-voxels"]).grid.isotropic_spacing_mm == 4
