"""Registration of a coarse phantom with known tissue."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from gliofit.atlas.model import load_atlas
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.metrics.masks import dice
from gliofit.register.ants import Transforms, apply_transforms
from gliofit.register.patient_files import PatientFiles
from gliofit.register.phantom import _deform
from gliofit.register.phantom_shape import phantom_grid
from gliofit.register.run import register_patient
from gliofit.register.settings import PhantomSettings, RegisterSettings

MAPS = ("t1", "wm", "gm", "csf", "labels", "brain_mask", "segmentation")
TRANSFORMS = [f"transforms/{name}" for name in ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz")]
FILES = {*(f"{name}.nii.gz" for name in MAPS), *TRANSFORMS, "qc.png", "qc.parquet"}


def transforms_of(case_dir: Path) -> Transforms:
    return Transforms(*(case_dir / name for name in TRANSFORMS))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def case_dir(
    phantom: PatientFiles, atlas_dir: Path, quick: RegisterSettings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("registered") / phantom.case
    register_patient(phantom, atlas_dir, folder, quick, seed=5, threads=2)
    return folder


@pytest.fixture(scope="module")
def row(case_dir: Path) -> pd.Series:
    return read_table(case_dir / "qc.parquet").iloc[0]


def test_all_files_are_on_the_patients_grid(case_dir: Path, phantom: PatientFiles) -> None:
    assert files(case_dir) == FILES
    t1 = nib.load(phantom.t1)
    for name in MAPS:
        image = nib.load(case_dir / f"{name}.nii.gz")
        assert image.shape == t1.shape
        np.testing.assert_array_equal(image.affine, t1.affine)
        np.testing.assert_allclose(image.get_qform(), t1.affine, atol=1e-6)
    np.testing.assert_array_equal(read_volume(case_dir / "t1.nii.gz").data, np.asarray(t1.dataobj))


def test_warped_tissue_matches_the_true_tissue(
    case_dir: Path, atlas_dir: Path, phantom_settings: PhantomSettings, row: pd.Series
) -> None:
    """The phantom's deformation is known, so the warped tissue can be compared with its true tissue."""
    seed = derive_seed(1, "phantom", "phantom-00000")
    shapes = np.random.default_rng([seed, 0])
    grid = phantom_grid(phantom_settings.spacing_mm)
    true, brain = _deform(load_atlas(atlas_dir), grid, shapes, phantom_settings)
    warped = Tissue.load(case_dir, "probabilities")
    assert dice(warped.labels == 3, true.labels == 3) > 0.8
    assert dice(warped.labels == 2, true.labels == 2) > 0.75
    assert row.brain_dice > 0.95
    assert row.contrast_white_grey > 1.0
    # Maps sum to 1 inside the brain and are 0 outside.
    total = warped.wm + warped.gm + warped.csf
    np.testing.assert_allclose(total[brain], 1, atol=1e-3)
    assert not total[~brain].any()
    np.testing.assert_array_equal(Tissue.load(case_dir, "labels").labels, warped.labels)


def test_row_of_quality_measures(row: pd.Series) -> None:
    assert row.case == "phantom-00000"
    assert row.status in {"ok", "borderline"}
    assert row.seed == derive_seed(5, "register", "phantom-00000")
    assert row.labels == "brats2021"
    assert 0 < row.jacobian_min < 1 < row.jacobian_max
    assert row.jacobian_folded_share == 0
    assert row.correlation > row.correlation_affine - 0.01
    assert row.tumour_outside_brain_share == 0
    assert row.tumour_filled_share == 0
    assert row.header_dice > 0.9
    assert row.wall_seconds > 0


def test_saved_transforms_reproduce_the_tissue(case_dir: Path, atlas_dir: Path) -> None:
    transforms = transforms_of(case_dir)
    brain = read_volume(case_dir / "brain_mask.nii.gz")
    atlas = load_atlas(atlas_dir)
    again = apply_transforms(atlas.tissue.map("wm"), brain.grid, transforms)
    written = read_volume(case_dir / "wm.nii.gz").data
    np.testing.assert_allclose(again.data[brain.data > 0], written[brain.data > 0], atol=2e-3)
    back = apply_transforms(Volume(written.astype(np.float32), brain.grid), atlas.tissue.grid, transforms, inverse=True)
    assert np.corrcoef(back.data.ravel(), atlas.tissue.wm.ravel())[0, 1] > 0.9


def test_same_seed_gives_the_same_tissue(
    case_dir: Path, phantom: PatientFiles, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    filled = quick.model_copy(update={"tumour_fill": "white"})
    register_patient(phantom, atlas_dir, tmp_path / "again", filled, seed=5, threads=1)
    tumour = read_volume(case_dir / "segmentation.nii.gz").data > 0
    for name in ("wm", "gm"):
        one, two = (read_volume(folder / f"{name}.nii.gz").data for folder in (case_dir, tmp_path / "again"))
        np.testing.assert_array_equal(one[~tumour], two[~tumour])
    np.testing.assert_array_equal(two[tumour], 0)
    again = read_table(tmp_path / "again" / "qc.parquet").iloc[0]
    assert again.tumour_fill == "white"
    assert 0.2 < again.tumour_filled_share < 1


def test_failed_deformable_step_gives_a_poor_affine_registration(
    phantom: PatientFiles, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("ITK ERROR:\n  singular")

    monkeypatch.setattr("gliofit.register.run.register_deformable", fail)
    register_patient(phantom, atlas_dir, tmp_path / "out", quick, seed=5, threads=1)
    assert files(tmp_path / "out") == FILES
    row = read_table(tmp_path / "out" / "qc.parquet").iloc[0]
    assert row.status == "poor"
    assert "ITK ERROR: singular" in row.message
    assert (row.jacobian_min, row.jacobian_max) == pytest.approx((1, 1))
    assert row.correlation == pytest.approx(row.correlation_affine)
    # The written transforms equal the affine alone, in both directions.
    transforms = transforms_of(tmp_path / "out")
    atlas, grid = load_atlas(atlas_dir), read_volume(tmp_path / "out" / "brain_mask.nii.gz").grid
    t1 = atlas.require_t1()
    for volume, onto, inverse in ((t1, grid, False), (read_volume(phantom.t1, np.float32), t1.grid, True)):
        one, two = (
            apply_transforms(volume, onto, by, inverse=inverse).data
            for by in (transforms, Transforms(transforms.affine))
        )
        assert one.max() > 0
        np.testing.assert_allclose(one, two, atol=1e-3 * one.max())
