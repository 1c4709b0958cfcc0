"""Structure sets of a synthetic series: masks from their contours, references, privacy."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest

from bad_input.dicom import CENTRE, make_images, write_images
from gliofit.core.grid import Grid, Volume
from gliofit.plan.dicom import read_series, write_structure_set

from .conftest import radius_mm

pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")

#: Values that must not appear outside the DICOM files.
SECRETS = ("Mueller^Erika", "4711-0815", "19501224")


def axial_series(folder: Path, shape=(40, 36, 14), spacing=(1.0, 1.2, 2.5), centre=CENTRE, **values: object) -> Grid:
    """Write an axial series whose files are in another order than its images; returns the grid of its pixels."""
    images = make_images(shape, spacing, centre=centre)
    for image in images:
        for keyword, value in values.items():
            setattr(image, keyword, value)
    write_images(folder, images[::-1])
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = np.array(images[0].ImagePositionPatient, float) * [-1, -1, 1]
    return Grid(shape, affine)


def fill(path: Path, roi: str, grid: Grid) -> np.ndarray:
    """Voxels whose centres lie inside the contours of a structure, by the even-odd rule."""
    structures = pydicom.dcmread(path)
    number = next(int(r.ROINumber) for r in structures.StructureSetROISequence if r.ROIName == roi)
    contours = next(c for c in structures.ROIContourSequence if c.ReferencedROINumber == number).ContourSequence
    out = np.zeros(grid.shape, bool)
    x, y = np.meshgrid(*(np.arange(n) for n in grid.shape[:2]), indexing="ij")
    for contour in contours:
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        local = grid.world_to_voxel(np.array(contour.ContourData, float).reshape(-1, 3) * [-1, -1, 1])
        at = round(float(local[0, 2]))
        np.testing.assert_allclose(local[:, 2], at, atol=0.01, err_msg="a contour lies in the plane of its image")
        assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID.endswith(f".{at + 1}")
        # A crossing of the ray towards larger x, edge by edge.
        for (x0, y0), (x1, y1) in zip(local[:, :2], np.roll(local[:, :2], -1, axis=0), strict=True):
            if y0 != y1:
                out[:, :, at] ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return out


def complex_shape(grid: Grid) -> np.ndarray:
    """A ball with two holes, one open to the outside in some slices, and a lump beside it."""

    def radius(*shift: float) -> np.ndarray:
        return radius_mm(grid, tuple(grid.centre_mm + shift))

    holes = (radius(4, 0, 0) <= 3.5) | (radius(-5, 2, 2) <= 3) | (radius(0, -10, 0) <= 4)
    return (radius(0, 0, 0) < 12) & ~holes | (radius(14, 12, 0) < 4)


def test_contours_reproduce_masks_on_the_pixels_of_the_series(tmp_path):
    grid = axial_series(tmp_path / "dicom")
    edge = np.zeros(grid.shape, bool)
    edge[:5, 30:, :3] = True
    masks = {"complex": complex_shape(grid), "ball": radius_mm(grid, tuple(grid.centre_mm)) < 8, "edge": edge}
    targets = {name: Volume(mask, grid) for name, mask in masks.items()}
    write_structure_set(tmp_path / "plan.dcm", read_series(tmp_path / "dicom"), targets)
    for name, mask in masks.items():
        np.testing.assert_array_equal(fill(tmp_path / "plan.dcm", name, grid), mask)


def test_structure_set_has_the_frame_of_the_series(tmp_path):
    grid = axial_series(tmp_path / "dicom")
    target = {"CTV": Volume(complex_shape(grid), grid)}
    write_structure_set(tmp_path / "one.dcm", read_series(tmp_path / "dicom"), target)
    write_structure_set(tmp_path / "two.dcm", read_series(tmp_path / "dicom"), target)
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()
    structures = pydicom.dcmread(tmp_path / "one.dcm")
    assert structures.SOPClassUID == "1.2.840.10008.5.1.4.1.1.481.3"
    assert (structures.Modality, structures.ApprovalStatus) == ("RTSTRUCT", "UNAPPROVED")
    assert (str(structures.PatientName), structures.PatientID, structures.StudyInstanceUID) == (*SECRETS[:2], "1.2.3")
    frame = structures.ReferencedFrameOfReferenceSequence[0]
    assert frame.FrameOfReferenceUID == structures.FrameOfReferenceUID == "1.2.5"
    images = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert images.SeriesInstanceUID == "1.2.4" != structures.SeriesInstanceUID
    assert len(images.ContourImageSequence) == 14
    assert structures.StructureSetROISequence[0].ReferencedFrameOfReferenceUID == "1.2.5"
    assert structures.RTROIObservationsSequence[0].RTROIInterpretedType == "CTV"


def test_patient_data_is_not_logged(tmp_path, capfd, caplog, monkeypatch):
    """Warnings of pydicom about invalid values, which quote them, are suppressed."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A name that causes a warning at each reading and writing, and a date that is refused at writing.
        monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
        grid = axial_series(tmp_path / "dicom", PatientName=SECRETS[0] * 8, PatientBirthDate=f"born {SECRETS[2]}")
        monkeypatch.undo()
    caplog.clear()
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_structure_set(
            tmp_path / "plan.dcm", read_series(tmp_path / "dicom"), {"CTV": Volume(complex_shape(grid), grid)}
        )
    output = capfd.readouterr()
    text = output.out + output.err + caplog.text + "".join(str(item.message) for item in caught)
    assert not [secret for secret in SECRETS if secret in text]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert str(pydicom.dcmread(tmp_path / "plan.dcm").PatientName) == SECRETS[0] * 8
