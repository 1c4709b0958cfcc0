from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from gliofit.atlas.prepare import prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.atlas.sources import mni152
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_volume
from gliofit.core.tissue import Tissue

# The same examples in every run, so that a failure can be repeated; --hypothesis-profile=default draws new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real patients and reference solver outputs beside the checkout; skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data beside the checkout ({folder.parent.name}/{folder.name})")
    return folder


def ball_brain(size: int = 40, spacing_mm: float = 4.0, radius_mm: float = 70.0) -> Tissue:
    """White ball in a grey shell in CSF, centred on world zero."""
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -spacing_mm * (size - 1) / 2
    grid = Grid((size, size, size), affine)
    world = grid.voxel_to_world(np.stack(np.meshgrid(*(np.arange(size),) * 3, indexing="ij"), axis=-1))
    distance = np.sqrt((world**2).sum(axis=-1))
    wm = distance <= 0.75 * radius_mm
    gm = (distance <= radius_mm) & ~wm
    csf = (distance <= radius_mm + 2 * spacing_mm) & ~wm & ~gm
    return Tissue(wm, gm, csf, grid)


@pytest.fixture(scope="session")
def brain() -> Tissue:
    return ball_brain()


@pytest.fixture(scope="session")
def atlas_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in atlas at 5 mm, as a user's own folder."""
    folder = tmp_path_factory.mktemp("coarse")
    atlas = mni152()
    mask = Volume(atlas.brain_mask.data.astype(np.float32), atlas.brain_mask.grid).coarsen(5)
    write_volume(folder / "brain_mask.nii.gz", Volume((mask.data > 0.5).astype(np.uint8), mask.grid))
    write_volume(folder / "t1.nii.gz", atlas.require_t1().coarsen(5))
    for name in ("wm", "gm", "csf"):
        write_volume(folder / f"{name}.nii.gz", atlas.tissue.map(name).coarsen(5))
    return folder


@pytest.fixture(scope="session")
def atlas_dir(atlas_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    prepare_atlas(AtlasSettings(source=str(atlas_source)), folder)
    return folder
