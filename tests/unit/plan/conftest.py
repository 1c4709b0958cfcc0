from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_volume
from gliofit.core.labels import TissueLabel

#: Labels of BraTS 2023.
NECROTIC, OEDEMA, ENHANCING = 1, 2, 3


def radius_mm(grid: Grid, centre: tuple[float, float, float]) -> np.ndarray:
    """Distance of every voxel to a world position."""
    return np.linalg.norm(grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - centre, axis=-1)


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    """A brain of 2 mm voxels (LPS) with a tumour, a tumour-cell map shifted to one side, and a recurrence there."""
    folder = tmp_path_factory.mktemp("case")
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = [48.0, 50.0, -40.0]
    grid = Grid((48, 50, 42), affine)
    centre = radius_mm(grid, (0, 0, 0))
    tumour, recurrence = radius_mm(grid, (8, 0, 0)), radius_mm(grid, (4, 26, 6))
    cells = 1 / (1 + np.exp((radius_mm(grid, (4, 6, 2)) - 13) / 3))
    white, grey, csf = TissueLabel.WHITE_MATTER, TissueLabel.GREY_MATTER, TissueLabel.CSF
    labels = {
        "tissue": np.select([centre < 30, centre < 38, centre < 40], [white, grey, csf]),
        "seg": np.select([tumour < 4, tumour < 9, tumour < 14], [NECROTIC, ENHANCING, OEDEMA]),
        # A cavity where the tumour was: no recurrence.
        "recurrence": np.select([tumour < 6, recurrence < 6, recurrence < 9], [4, ENHANCING, OEDEMA]),
        "falx": np.isin(np.indices(grid.shape)[0], (28, 29)),
    }
    images = {
        "c": np.where(centre < 38, cells, 0),
        "t1c": np.where(centre < 40, 100 + 50 * np.cos(centre / 9), 0),
    }
    for parts, dtype in ((labels, np.uint8), (images, np.float32)):
        for name, data in parts.items():
            write_volume(folder / f"{name}.nii.gz", Volume(data.astype(dtype), grid))
    return folder
