"""A short form of the kill test; ``make kill-test determinism-test`` run the full ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reliability.kill import endure
from tools.reliability.launch import Workplace

from .conftest import SHORT

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("reliability")]


def test_a_killed_run_comes_to_the_same_results(undisturbed: Workplace, tmp_path: Path) -> None:
    ordeal = endure(Workplace(tmp_path, targets=SHORT), undisturbed.results, kills=2, seed=3)
    assert not ordeal.faults, str(ordeal)
    assert ordeal.moments.total() == 2
    assert ordeal.locks
