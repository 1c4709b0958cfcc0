from __future__ import annotations

import numpy as np
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_volume
from gliofit.core.labels import TissueLabel

#: Labels of BraTS 2023.
NECROTIC, OEDEMA, ENHANCING = 1, 2, 3


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(a) for a in arguments])
    return stop.value.code


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch):
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)


def radius_mm(grid: Grid, centre: tuple[float, float, float]) -> np.ndarray:
    """Distance of every voxel to a world position."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.voxel_to_world(index) - np.array(centre), axis=-1)


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    """A brain of 2 mm voxels (LPS) with a tumour, a tumour-cell map shifted to one side, and a recurrence there."""
    folder = tmp_path_factory.mktemp("case")
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = [48.0, 50.0, -40.0]
    grid = Grid((48, 50, 42), affine)
    centre = radius_mm(grid, (0, 0, 0))
    tissue = np.full(grid.shape, TissueLabel.BACKGROUND, np.uint8)
    tissue[centre < 40] = TissueLabel.CSF
    tissue[centre < 38] = TissueLabel.GREY_MATTER
    tissue[centre < 30] = TissueLabel.WHITE_MATTER
    tumour = radius_mm(grid, (8, 0, 0))
    seg = np.zeros(grid.shape, np.uint8)
    seg[tumour < 14] = OEDEMA
    seg[tumour < 9] = ENHANCING
    seg[tumour < 4] = NECROTIC
    cells = 1 / (1 + np.exp((radius_mm(grid, (4, 6, 2)) - 13) / 3))
    cells[centre >= 38] = 0
    follow_up = np.zeros(grid.shape, np.uint8)
    recurrence = radius_mm(grid, (4, 26, 6))
    follow_up[recurrence < 9] = OEDEMA
    follow_up[recurrence < 6] = ENHANCING
    # A cavity where the tumour was: no recurrence.
    follow_up[tumour < 6] = 4
    for name, data in {
        "tissue": tissue, "seg": seg, "c": cells.astype(np.float32), "recurrence": follow_up,
        "t1c": (100 + 50 * np.cos(centre / 9) * (centre < 40)).astype(np.float32) * (centre < 40),
    }.items():  # fmt: skip
        write_volume(folder / f"{name}.nii.gz", Volume(data, grid))
    falx = np.zeros(grid.shape, np.uint8)
    falx[28:30] = 1
    write_volume(folder / "falx.nii.gz", Volume(falx, grid))
    return folder
