"""A coarse atlas and a coarse phantom patient, made once for all tests of the stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliofit.atlas.model import Atlas, load_atlas
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import phantom_files
from gliofit.register.phantom import make_phantom
from gliofit.register.settings import PhantomSettings, RegisterSettings

SPACING_MM = 5


@pytest.fixture(scope="session")
def phantom_settings() -> PhantomSettings:
    return PhantomSettings(spacing_mm=SPACING_MM, noise=0.02)


@pytest.fixture(scope="session")
def quick() -> RegisterSettings:
    """Registration of a coarse brain in about a second."""
    return RegisterSettings(
        resolution_mm=SPACING_MM,
        affine_resolution_mm=SPACING_MM,
        affine_iterations=(100, 50),
        affine_shrink=(2, 1),
        deformable_iterations=(15, 4),
    )


@pytest.fixture(scope="session")
def atlas(atlas_dir: Path) -> Atlas:
    return load_atlas(atlas_dir)


@pytest.fixture(scope="session")
def phantom_dir(atlas_dir: Path, phantom_settings: PhantomSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    make_phantom("phantom-00000", atlas_dir, folder, phantom_settings, seed=1)
    return folder


@pytest.fixture(scope="session")
def phantom(phantom_dir: Path) -> PatientFiles:
    return phantom_files("phantom-00000", phantom_dir)
