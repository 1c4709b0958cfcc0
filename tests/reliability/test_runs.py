"""A short form of the kill test; ``make kill-test determinism-test`` run the full ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reliability.kill import endure
from tools.reliability.launch import Workplace

#: Registration, simulation and training: the stages that have most to lose.
SHORT = ("results/smoke/register/patients/phantom-00000/qc.parquet", "results/smoke/train/guided-unet/model.json")


@pytest.mark.e2e
@pytest.mark.xdist_group("reliability")
def test_a_killed_run_comes_to_the_same_results(tmp_path: Path) -> None:
    undisturbed = Workplace(tmp_path / "undisturbed", targets=SHORT)
    code, said = undisturbed.run()
    assert code == 0, said[-5000:]
    ordeal = endure(Workplace(tmp_path / "killed", targets=SHORT), undisturbed.results, kills=2, seed=3)
    assert not ordeal.faults, str(ordeal)
    assert ordeal.moments.total() == 2
    assert ordeal.locks
