"""Reading patients: what is turned, what is refused, and how the refusal reads."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.register.images import read_patient
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


def test_other_axis_orders_are_turned_by_the_affine(copy: PatientFiles) -> None:
    expected = read_patient(copy, warnings=[]).segmentation.data
    turned = read_volume(copy.seg).canonical()
    write_volume(copy.seg, Volume(np.ascontiguousarray(turned.data), turned.grid))
    assert nib.aff2axcodes(nib.load(copy.seg).affine) == ("R", "A", "S")
    np.testing.assert_array_equal(read_patient(copy, warnings=[]).segmentation.data, expected)


def test_a_background_that_is_not_zero_needs_a_mask(copy: PatientFiles, tmp_path: Path) -> None:
    expected = read_patient(copy, warnings=[]).brain
    rewrite(copy.t1, lambda data: np.where(data == 0, -2.0, data).astype(np.float32))
    with pytest.raises(InputError, match="brain_mask"):
        read_patient(copy, warnings=[])
    write_volume(tmp_path / "brain.nii.gz", expected)
    images = read_patient(replace(copy, brain_mask=tmp_path / "brain.nii.gz"), warnings=[])
    np.testing.assert_array_equal(images.brain.data, expected.data)
