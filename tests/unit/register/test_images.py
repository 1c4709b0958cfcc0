"""Images of a patient on the grid of its T1 image."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.register.images import read_patient
from gliofit.register.patient_files import PatientFiles


def rewrite(path: Path, change: object) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(change(np.asarray(image.dataobj)), image.affine), path)  # type: ignore[operator]


def test_images_are_on_the_grid_of_t1(phantom: PatientFiles) -> None:
    images = read_patient(phantom, warnings=[])
    raw = nib.load(phantom.t1)
    np.testing.assert_array_equal(images.t1.grid.affine, raw.affine)
    assert images.t1.grid.axis_codes == "LPS"
    assert images.brain.data.dtype == bool
    seg = np.asarray(nib.load(phantom.seg).dataobj)
    for value, label in ((1, TumourLabel.NECROTIC), (2, TumourLabel.OEDEMA), (4, TumourLabel.ENHANCING)):
        np.testing.assert_array_equal(images.segmentation.data == label, seg == value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_segmentations_of_any_number_type(patient: PatientFiles, dtype: type) -> None:
    expected = read_patient(patient, warnings=[]).segmentation.data
    rewrite(patient.seg, lambda data: data.astype(dtype))
    np.testing.assert_array_equal(read_patient(patient, warnings=[]).segmentation.data, expected)


def test_other_axis_orders(patient: PatientFiles) -> None:
    expected = read_patient(patient, warnings=[]).segmentation.data
    canonical = read_volume(patient.seg).canonical()
    write_volume(patient.seg, Volume(np.ascontiguousarray(canonical.data), canonical.grid))
    assert nib.aff2axcodes(nib.load(patient.seg).affine) == ("R", "A", "S")
    np.testing.assert_array_equal(read_patient(patient, warnings=[]).segmentation.data, expected)
