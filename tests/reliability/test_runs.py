"""Short forms of the kill test and of the determinism test; ``make kill-test determinism-test`` run the full ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reliability.compare import compare
from tools.reliability.kill import endure
from tools.reliability.launch import Workplace

from .conftest import SHORT

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("reliability")]


def test_a_killed_run_comes_to_the_same_results(undisturbed: Workplace, tmp_path: Path) -> None:
    ordeal = endure(Workplace(tmp_path, targets=SHORT), undisturbed.results, kills=2, seed=3)
    assert not ordeal.faults, str(ordeal)
    assert ordeal.moments.total() == 2
    assert ordeal.locks


def test_one_core_gives_the_same_bytes_as_two(undisturbed: Workplace, tmp_path: Path) -> None:
    place = Workplace(tmp_path, targets=SHORT, cores=1)
    code, said = place.run()
    assert code == 0, said[-5000:]
    found = compare(place.results, undisturbed.results, other_cores=True)
    assert not found.differences, str(found)
    assert found.same_bytes[".nii.gz"] >= 20
    assert found.same_bytes[".nii"] >= 1
    assert found.same_bytes[".safetensors"] == 1
