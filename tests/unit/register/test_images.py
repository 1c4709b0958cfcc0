"""Reading patients: what is turned, what is refused, and how the refusal reads."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_grid, read_volume, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.inputs.images import read_image, read_segmentation
from gliofit.register.images import read_brain, read_patient, read_t1
from gliofit.register.patient_files import PatientFiles


@pytest.fixture
def copy(phantom: PatientFiles, tmp_path: Path) -> PatientFiles:
    """The phantom's files in a folder where they can be spoilt."""
    changes = {}
    for role, path in phantom.images.items():
        changes[role] = tmp_path / path.name
        shutil.copy(path, changes[role])
    return replace(phantom, **changes)


def rewrite(path: Path, change: object, affine: np.ndarray | None = None) -> None:
    image = nib.load(path)
    data = change(np.asarray(image.dataobj))  # type: ignore[operator]
    nib.save(nib.Nifti1Image(data, image.affine if affine is None else affine), path)


def test_a_patient_is_read_on_the_grid_of_its_t1(phantom: PatientFiles) -> None:
    images = read_patient(phantom, warnings=[])
    raw = nib.load(phantom.t1)
    np.testing.assert_array_equal(images.t1.grid.affine, raw.affine)
    assert images.t1.grid.axis_codes == "LPS"
    assert images.brain.data.dtype == bool
    seg = np.asarray(nib.load(phantom.seg).dataobj)
    for value, label in ((1, TumourLabel.NECROTIC), (2, TumourLabel.OEDEMA), (4, TumourLabel.ENHANCING)):
        np.testing.assert_array_equal(images.segmentation.data == label, seg == value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_segmentations_come_in_any_number_type(copy: PatientFiles, dtype: type) -> None:
    expected = read_patient(copy, warnings=[]).segmentation.data
    rewrite(copy.seg, lambda data: data.astype(dtype))
    np.testing.assert_array_equal(read_patient(copy, warnings=[]).segmentation.data, expected)


def test_a_trailing_axis_is_dropped(copy: PatientFiles) -> None:
    rewrite(copy.t1, lambda data: data[..., None])
    rewrite(copy.flair, lambda data: data[..., None])
    assert read_patient(copy, warnings=[]).t1.data.ndim == 3


def test_other_axis_orders_are_turned_by_the_affine(copy: PatientFiles) -> None:
    expected = read_patient(copy, warnings=[]).segmentation.data
    turned = read_volume(copy.seg).canonical()
    write_volume(copy.seg, Volume(np.ascontiguousarray(turned.data), turned.grid))
    assert nib.aff2axcodes(nib.load(copy.seg).affine) == ("R", "A", "S")
    np.testing.assert_array_equal(read_patient(copy, warnings=[]).segmentation.data, expected)


def test_label_values_never_tell_the_scheme(copy: PatientFiles) -> None:
    with pytest.raises(InputError, match=r"label values \[4\] that scheme 'brats2023'"):
        read_patient(replace(copy, labels="brats2023"), warnings=[])
    rewrite(copy.seg, lambda data: np.zeros_like(data))
    with pytest.raises(InputError, match="no tumour label"):
        read_patient(copy, warnings=[])


def test_interpolated_labels_are_refused(copy: PatientFiles) -> None:
    rewrite(copy.seg, lambda data: data * np.float32(0.75))
    with pytest.raises(InputError, match=r"_seg\.nii\.gz: .*not whole numbers.*nearest neighbour"):
        read_patient(copy, warnings=[])


@pytest.mark.parametrize("role", ["t1c", "t2", "flair", "seg"])
def test_images_on_another_grid_are_refused_by_name(copy: PatientFiles, role: str) -> None:
    path = getattr(copy, role)
    shifted = nib.load(path).affine.copy()
    shifted[0, 3] += 3
    rewrite(path, lambda data: data, shifted)
    with pytest.raises(InputError, match=f"{path.name}: lies on another grid than the T1 image .*apart by up to 3"):
        read_patient(copy, warnings=[])


def test_images_of_another_shape_are_refused(copy: PatientFiles) -> None:
    rewrite(copy.t2, lambda data: data[:-2])
    with pytest.raises(InputError, match=r"46 x 48 x 31 voxels, the T1 image 48 x 48 x 31"):
        read_patient(copy, warnings=[])


@pytest.mark.parametrize("role", ["t1", "seg"])
def test_truncated_files_are_refused(copy: PatientFiles, role: str) -> None:
    path = getattr(copy, role)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{path.name}: not a readable NIfTI image"):
        read_patient(copy, warnings=[])


@pytest.mark.parametrize("role", ["t1", "flair", "seg"])
def test_files_that_are_no_images_are_refused(copy: PatientFiles, role: str) -> None:
    getattr(copy, role).write_bytes(b"this is not an image")
    with pytest.raises(InputError, match="is text, not a NIfTI image"):
        read_patient(copy, warnings=[])


def test_values_must_be_finite_and_vary(copy: PatientFiles) -> None:
    rewrite(copy.t1, lambda data: np.where(data > 500, np.nan, data).astype(np.float32))
    with pytest.raises(InputError, match="not finite"):
        read_t1(copy.t1, warnings=[])
    rewrite(copy.t1, lambda data: np.zeros(data.shape, np.int16))
    with pytest.raises(InputError, match="is constant"):
        read_t1(copy.t1, warnings=[])


def test_voxels_must_be_cubes(copy: PatientFiles) -> None:
    rewrite(copy.t1, lambda data: data, np.diag([1.0, 1.0, 5.0, 1.0]))
    with pytest.raises(InputError, match=r"not cubes.*BraTS uses 1 mm"):
        read_t1(copy.t1, warnings=[])


def test_z_scored_images_keep_their_brain(copy: PatientFiles) -> None:
    expected = read_patient(copy, warnings=[]).brain.data

    def z_score(data: np.ndarray) -> np.ndarray:
        inside = data[data != 0]
        return np.where(data != 0, (data - inside.mean()) / inside.std(), 0).astype(np.float32)

    rewrite(copy.t1, z_score)
    assert (read_t1(copy.t1, warnings=[]).data < 0).mean() > 0.05
    np.testing.assert_array_equal(read_patient(copy, warnings=[]).brain.data, expected)


def test_a_background_that_is_not_zero_needs_a_mask(copy: PatientFiles, tmp_path: Path) -> None:
    expected = read_patient(copy, warnings=[]).brain
    rewrite(copy.t1, lambda data: np.where(data == 0, -2.0, data).astype(np.float32))
    with pytest.raises(InputError, match=r"background is not zero.*brain_mask"):
        read_patient(copy, warnings=[])
    write_volume(tmp_path / "brain.nii.gz", expected)
    images = read_patient(replace(copy, brain_mask=tmp_path / "brain.nii.gz"), warnings=[])
    np.testing.assert_array_equal(images.brain.data, expected.data)


def test_a_wrong_voxel_size_shows_in_the_brains_volume(copy: PatientFiles) -> None:
    t1 = read_t1(copy.t1, warnings=[])
    affine = t1.grid.affine.copy()
    affine[:3, :3] /= 5
    with pytest.raises(InputError, match=r"the brain measures 1\d cc \(spacing 1 mm\)"):
        read_brain(copy, Volume(t1.data, Grid(t1.grid.shape, affine)), warnings=[])


def test_headers_alone_give_the_grid(phantom: PatientFiles, tmp_path: Path) -> None:
    assert read_grid(phantom.t2).matches(read_volume(phantom.t2).grid)
    with pytest.raises(InputError, match="file not found"):
        read_grid(tmp_path / "none.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4, 3), np.uint8), np.eye(4)), tmp_path / "four.nii.gz")
    with pytest.raises(InputError, match=r"has shape \(4, 4, 4, 3\)"):
        read_grid(tmp_path / "four.nii.gz")
    with pytest.raises(InputError, match="another grid"):
        read_image(phantom.t1, Grid((3, 3, 3), np.eye(4)), warnings=[])


def test_a_segmentation_may_be_read_by_itself(phantom: PatientFiles) -> None:
    grid = read_volume(phantom.t1).grid
    assert read_segmentation(phantom.seg, "brats2021", grid, warnings=[]).data.max() == TumourLabel.ENHANCING
