"""Phantom patients: reproducibility, format and ground truth."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from gliofit.atlas.model import Atlas
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume
from gliofit.register.patient_files import PatientFiles
from gliofit.register.phantom import make_phantom
from gliofit.register.phantom_shape import PhantomShape, phantom_grid
from gliofit.register.settings import PhantomSettings


def file_contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def generated(phantom: PatientFiles, phantom_dir: Path) -> SimpleNamespace:
    """Arrays of the images by role, true concentration and parameters, and grid of a phantom."""
    field = read_volume(phantom_dir / "truth_concentration.nii.gz")
    images = {role: read_volume(path).data for role, path in phantom.images.items()}
    truth = read_table(phantom_dir / "truth.parquet").iloc[0]
    return SimpleNamespace(images=images, concentration=field.data, truth=truth, grid=read_volume(phantom.t1).grid)


def test_the_same_seed_gives_the_same_bytes(
    atlas_dir: Path, phantom_dir: Path, phantom_settings: PhantomSettings, tmp_path: Path
) -> None:
    make_phantom("phantom-00000", atlas_dir, tmp_path / "again", phantom_settings, seed=1)
    assert file_contents(tmp_path / "again") == file_contents(phantom_dir)
    make_phantom("phantom-00000", atlas_dir, tmp_path / "other", phantom_settings, seed=2)
    t1 = "phantom-00000_t1.nii.gz"
    assert (tmp_path / "other" / t1).read_bytes() != (phantom_dir / t1).read_bytes()


def test_grid_of_brats() -> None:
    grid = phantom_grid(1.0)
    assert grid.shape == (240, 240, 155)
    np.testing.assert_array_equal(grid.affine, [[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
    coarse = phantom_grid(4.0)
    assert coarse.shape == (60, 60, 39)
    assert coarse.matches(grid.coarsen(4))


def test_files_of_brats(generated: SimpleNamespace, phantom_dir: Path) -> None:
    names = {f"phantom-00000_{end}.nii.gz" for end in ("t1", "t1ce", "t2", "flair", "seg")}
    assert set(file_contents(phantom_dir)) == {*names, "truth.parquet", "truth_concentration.nii.gz"}
    brain = generated.images["t1"] > 0
    for role in ("t1", "t1c", "t2", "flair"):
        assert generated.images[role].dtype == np.int16
        np.testing.assert_array_equal(generated.images[role] != 0, brain)
    assert 1100 < brain.sum() * generated.grid.voxel_volume_mm3 / 1000 < 1700
    assert not brain[[0, -1]].any()
    assert not brain[:, :, -1].any()
    assert nib.load(phantom_dir / "phantom-00000_seg.nii.gz").get_data_dtype() == np.uint8


def test_segmentation_is_the_thresholded_concentration(generated: SimpleNamespace) -> None:
    seg, c = generated.images["seg"], generated.concentration
    np.testing.assert_array_equal(seg > 0, c >= 0.33)
    np.testing.assert_array_equal((seg == 1) | (seg == 4), c >= 0.6)
    np.testing.assert_array_equal(seg == 1, c >= 0.9)
    assert 20 <= (seg > 0).sum() * generated.grid.voxel_volume_mm3 / 1000 <= 150


def test_ground_truth(generated: SimpleNamespace) -> None:
    truth = generated.truth
    days = truth.final_time_days
    assert truth.integrator == "accurate"
    assert truth.mu_d_mm == pytest.approx(np.sqrt(truth.diffusivity_mm2_per_day * days))
    assert truth.mu_rho == pytest.approx(np.sqrt(truth.proliferation_per_day * days))
    assert truth.volume_mm3 == pytest.approx(generated.concentration.sum() * generated.grid.voxel_volume_mm3, rel=0.01)
    voxel = [truth.origin_i, truth.origin_j, truth.origin_k]
    np.testing.assert_allclose(
        generated.grid.voxel_to_world(voxel), [truth.origin_x_mm, truth.origin_y_mm, truth.origin_z_mm], atol=1e-9
    )
    assert generated.concentration[tuple(np.rint(voxel).astype(int))] > 0.5


def test_shapes_do_not_fold_and_fit_the_field_of_view(atlas: Atlas) -> None:
    grid = phantom_grid(5.0)
    strong = PhantomSettings(deformation_mm=10, deformation_smoothness_mm=12)
    mask = atlas.brain_mask
    used = np.argwhere(mask.data)
    centre = mask.grid.voxel_to_world((used.min(0) + used.max(0)) / 2)
    for settings in (PhantomSettings(), strong):
        shape = PhantomShape.draw(np.random.default_rng(3), grid, centre, settings)
        assert shape.smallest_volume_change > 0.2
        brain = shape.pull(Volume(mask.data.astype(np.float32), mask.grid), grid).data > 0.5
        assert brain.sum() * grid.voxel_volume_mm3 == pytest.approx(
            0.9**3 * mask.data.sum() * mask.grid.voxel_volume_mm3, rel=0.15
        )
