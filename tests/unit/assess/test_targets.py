from __future__ import annotations

import numpy as np
import pytest

from gliofit.assess.settings import AssessSettings, anatomy_group
from gliofit.assess.targets import simulate_targets
from gliofit.simulate.shard import read_shard

from .conftest import CASES, SIMULATE


def test_anatomies_of_a_run():
    settings = AssessSettings(models=("unet",), warped=2, cases=7, cases_elsewhere=3)
    # Warped atlases that networks are trained on are not tested on.
    assert settings.anatomies(["a-1", "b"], 10) == ["atlas", "warped-00010", "warped-00011", "patient-a-1", "patient-b"]
    assert settings.model_copy(update={"patients": False, "warped": 0}).anatomies(["a"]) == ["atlas"]
    assert [settings.cases_of(name) for name in ("atlas", "warped-00010", "patient-a-1")] == [7, 3, 3]


def test_groups_of_anatomies():
    assert [anatomy_group(name) for name in ("atlas", "warped-00001", "patient-x-y")] == ["atlas", "warped", "patients"]
    for strange in ("atlas-2", "warped", "patient-", "brain-1"):
        with pytest.raises(ValueError, match="unknown anatomy"):
            anatomy_group(strange)


def test_targets_depend_on_the_anatomy_and_not_on_their_number(shard, tissue_dir, tmp_path):
    targets = read_shard(shard)
    table = targets.table
    assert len(table) == CASES
    assert set(table["anatomy"]) == {"atlas"}
    fewer = simulate_targets(tissue_dir, "atlas", 1, SIMULATE, 1, tmp_path / "fewer")
    assert fewer.loc[0, "mu_d_mm"] == table.loc[0, "mu_d_mm"]
    np.testing.assert_array_equal(read_shard(tmp_path / "fewer/test-00000.nii").sample(0).data, targets.sample(0).data)
    other = simulate_targets(tissue_dir, "warped-00000", 1, SIMULATE, 1, tmp_path / "other")
    assert other.loc[0, "mu_d_mm"] != table.loc[0, "mu_d_mm"]
