"""Command ``predictgbm`` with a small synthetic patient."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.growth.theta import Theta
from gliofit.pipeline.predictgbm import TAIL, with_tail
from gliofit.plan.target import clinical_target
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, brain):
    """Input folder of PredictGBM: tissue maps, brain mask and a segmentation with its labels."""
    folder = tmp_path_factory.mktemp("io0")
    inside = folder / "Patient-00000"
    for name in ("wm", "gm", "csf"):
        write_volume(inside / f"00000-{name}.nii.gz", brain.map(name))
    solver = make_solver(AccurateSettings(backend="numba"))
    field = solver.solve(brain, Theta((20.0, -12.0, 8.0), 8.0, 3.0)).concentration
    labels = np.select([field > 0.9, field > 0.6, field > 0.33], [1, 3, 2], 0).astype(np.uint8)
    write_volume(inside / "00000-tumorseg.nii.gz", Volume(labels, brain.grid))
    write_volume(inside / "00000-brain_mask.nii.gz", Volume(brain.labels > 0, brain.grid))
    return folder


def test_round_trip(folder, tmp_path, brain, capsys, run):
    assert run("predictgbm", folder, tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["00000.nii.gz"]
    score = read_volume(tmp_path / "00000.nii.gz")
    seg = read_volume(folder / "Patient-00000/00000-tumorseg.nii.gz", np.uint8)
    assert score.data.dtype == np.float32
    np.testing.assert_array_equal(score.grid.affine, brain.grid.affine)
    inside = brain.labels > 0
    assert (score.data[~inside] == 0).all()
    assert (score.data[inside] > 0).all()
    assert 0.5 < score.data.max() <= 1
    fitted, whole = score.data > 0.33, seg.data > 0
    assert 2 * (fitted & whole).sum() / (fitted.sum() + whole.sum()) > 0.9
    # Enough voxels have a score that PredictGBM's own ranking is not used.
    assert (score.data > 0).sum() >= clinical_target(seg, Volume(inside, brain.grid), 15).mask.data.sum()
    assert re.search(r"00000\.nii\.gz: mu_D [\d.]+ mm", capsys.readouterr().out)


def test_tail_ranks_all_voxels_of_the_brain():
    grid = Grid((21, 21, 21), np.diag([1.0, 1.0, 3.0, 1.0]))
    i = np.indices(grid.shape)[0]
    field = np.zeros(grid.shape, np.float32)
    field[8:13, 8:13, 8:13] = np.linspace(1e-6, 1, 125, dtype=np.float32).reshape(5, 5, 5)
    brain = i > 3
    score = with_tail(Volume(field, grid), brain).data
    high = field > 0
    np.testing.assert_array_equal(score[high], field[high])
    tail = brain & ~high
    assert (score[tail] > 0).all()
    assert score[tail].max() < TAIL < field[high].min()
    assert (score[~brain] == 0).all()
    # Nearer first, in mm: two voxels along the first axis before one along the third.
    assert score[14, 10, 10] > score[10, 10, 13]
    assert score[13, 10, 10] > score[14, 10, 10] > score[18, 10, 10]
    with pytest.raises(InputError):
        with_tail(Volume(field * 0, grid), brain)
