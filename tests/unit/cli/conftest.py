"""A brain with a tumour in files, and the command line in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.grid import Volume
from gliofit.core.io import write_volume
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings

THETA = Theta((20.0, -12.0, 8.0), 8.0, 3.0)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands set thread counts for their own process, which numba refuses once its threads run."""
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, brain: Tissue) -> Path:
    """A brain, a tumour on it, and its segmentation in BraTS 2021 labels."""
    folder = tmp_path_factory.mktemp("files")
    brain.save(folder)
    solution = make_solver(AccurateSettings(backend="numba")).solve(brain, THETA)
    write_volume(folder / "c.nii.gz", solution.volume)
    labels = np.zeros(brain.grid.shape, np.uint8)
    for threshold, label in ((0.33, 2), (0.6, 4), (0.9, 1)):
        labels[solution.concentration > threshold] = label
    write_volume(folder / "seg.nii.gz", Volume(labels, brain.grid))
    return folder
