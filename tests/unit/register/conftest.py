"""A coarse atlas and a coarse phantom patient for all tests of the stage, and copies of the patient to change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gliofit.atlas.model import Atlas, load_atlas
from gliofit.register.naming import phantom_file_names
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


@pytest.fixture
def add_case(phantom: PatientFiles, tmp_path: Path) -> Callable[[str], PatientFiles]:
    """Copy the phantom under another name to ``patients``."""

    def add(name: str) -> PatientFiles:
        folder = tmp_path / "patients" / name
        folder.mkdir(parents=True)
        files = {role: folder / file for role, file in phantom_file_names(name).items()}
        for role, path in files.items():
            shutil.copy(getattr(phantom, role), path)
        return replace(phantom, case=name, **files)

    return add


@pytest.fixture
def patient(add_case: Callable[[str], PatientFiles]) -> PatientFiles:
    """A copy of the phantom whose files may be changed."""
    return add_case("case-1")
