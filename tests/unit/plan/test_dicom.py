"""Structure sets: written for a made-up series, read back, and filled in again."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.plan.dicom import read_series, write_structure_set

from .conftest import radius_mm

pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")

#: What must never be seen outside the DICOM files.
SECRETS = ("Müller^Erika", "4711-0815", "19501224")

_TO_RAS = np.array([-1.0, -1.0, 1.0])


def write_series(folder, directions, origin, spacing, shape, uid="1.2.3.4", name=SECRETS[0], birth=SECRETS[2]) -> None:
    """Single-frame images; ``directions`` has the steps along a row, down a column and across images as columns."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    folder.mkdir(exist_ok=True)
    columns, rows, count = shape
    # Names of files are in another order than images.
    for at in np.random.default_rng(0).permutation(count):
        image = Dataset()
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"{uid}.{at + 1}"
        image.SpecificCharacterSet = "ISO_IR 192"
        image.PatientName, image.PatientID, image.PatientBirthDate = name, SECRETS[1], birth
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", uid, "1.2.5"
        image.Modality, image.Rows, image.Columns = "MR", rows, columns
        image.PixelSpacing = [f"{spacing[1]:.6g}", f"{spacing[0]:.6g}"]
        image.ImageOrientationPatient = [f"{v:.10f}" for v in directions[:, :2].T.ravel()]
        position = np.array(origin) + at * spacing[2] * directions[:, 2]
        image.ImagePositionPatient = [f"{v:.8f}" for v in position]
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = np.zeros((rows, columns), np.uint16).tobytes()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        pydicom.dcmwrite(folder / f"{uid}-{int(at) * 7919 % 1000:03d}.dcm", image, enforce_file_format=True)


def fill(path, roi, directions, origin, spacing, shape) -> np.ndarray:
    """Voxels (column, row, image) whose centres lie inside the contours of a structure, by the rule of even and odd."""
    structures = pydicom.dcmread(path)
    number = next(int(r.ROINumber) for r in structures.StructureSetROISequence if r.ROIName == roi)
    contours = next(c for c in structures.ROIContourSequence if c.ReferencedROINumber == number).ContourSequence
    columns, rows, _ = shape
    out = np.zeros(shape, bool)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
    for contour in contours:
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        assert len(points) == contour.NumberOfContourPoints
        local = (points - np.array(origin)) @ np.linalg.inv(directions).T / np.array(spacing)
        at = round(float(local[0, 2]))
        np.testing.assert_allclose(local[:, 2], at, atol=0.01, err_msg="a contour lies in the plane of its image")
        assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID.endswith(f".{at + 1}")
        inside = np.zeros((columns, rows), bool)
        # A crossing of the ray towards larger x, edge by edge.
        for (x0, y0), (x1, y1) in zip(local[:, :2], np.roll(local[:, :2], -1, axis=0), strict=True):
            spans = (y0 <= y) != (y1 <= y)
            if y0 != y1:
                inside ^= spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        out[:, :, at] ^= inside
    return out


def axial_grid(spacing=(1.0, 1.2, 2.5), shape=(40, 36, 14), origin=(-17.0, -23.0, 31.0)) -> tuple[Grid, tuple]:
    """A NIfTI grid on the pixels of an axial series, and that series."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = np.array(origin) * _TO_RAS
    return Grid(shape, affine), (np.eye(3), origin, spacing, shape)


def odd_shape(grid: Grid) -> np.ndarray:
    """A ball with two holes, one open to the outside in some slices, and a lump beside it."""
    centre = tuple(grid.centre_mm)
    mask = radius_mm(grid, centre) < 12
    mask &= radius_mm(grid, (centre[0] + 4, centre[1], centre[2])) > 3.5
    mask &= radius_mm(grid, (centre[0] - 5, centre[1] + 2, centre[2] + 2)) > 3
    mask &= radius_mm(grid, (centre[0], centre[1] - 10, centre[2])) > 4
    return mask | (radius_mm(grid, (centre[0] + 14, centre[1] + 12, centre[2])) < 4)


def test_a_mask_on_the_pixels_of_an_axial_series_comes_back_voxel_by_voxel(tmp_path):
    grid, series = axial_grid()
    write_series(tmp_path / "dicom", *series)
    mask = odd_shape(grid)
    ball = radius_mm(grid, tuple(grid.centre_mm)) < 8
    targets = {"CTV 15 mm": Volume(mask, grid), "CTV personalised": Volume(ball, grid)}
    write_structure_set(tmp_path / "plan.dcm", read_series(tmp_path / "dicom"), targets)
    np.testing.assert_array_equal(fill(tmp_path / "plan.dcm", "CTV 15 mm", *series), mask)
    np.testing.assert_array_equal(fill(tmp_path / "plan.dcm", "CTV personalised", *series), ball)


def test_a_target_at_the_edge_of_the_images_has_closed_contours(tmp_path):
    grid, series = axial_grid()
    write_series(tmp_path / "dicom", *series)
    mask = np.zeros(grid.shape, bool)
    mask[:5, 30:, :3] = True
    write_structure_set(tmp_path / "plan.dcm", read_series(tmp_path / "dicom"), {"CTV": Volume(mask, grid)})
    np.testing.assert_array_equal(fill(tmp_path / "plan.dcm", "CTV", *series), mask)
    contour = pydicom.dcmread(tmp_path / "plan.dcm").ROIContourSequence[0].ContourSequence[0]
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    # Half a pixel of 1 mm beyond the centre of the first one, and as far beyond the last one of 1.2 mm in the row.
    assert points[:, 0].min() == pytest.approx(-17.5, abs=0.001)
    assert points[:, 1].max() == pytest.approx(-23 + 35.5 * 1.2, abs=0.001)


def test_the_structure_set_is_in_the_frame_of_the_series(tmp_path):
    grid, series = axial_grid()
    write_series(tmp_path / "dicom", *series)
    target = {"CTV": Volume(odd_shape(grid), grid)}
    write_structure_set(tmp_path / "one.dcm", read_series(tmp_path / "dicom"), target)
    write_structure_set(tmp_path / "two.dcm", read_series(tmp_path / "dicom"), target)
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()
    found = pydicom.dcmread(tmp_path / "one.dcm")
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.481.3"
    assert (found.Modality, found.ApprovalStatus) == ("RTSTRUCT", "UNAPPROVED")
    assert (str(found.PatientName), found.PatientID, found.StudyInstanceUID) == (SECRETS[0], SECRETS[1], "1.2.3")
    frame = found.ReferencedFrameOfReferenceSequence[0]
    assert frame.FrameOfReferenceUID == found.FrameOfReferenceUID == "1.2.5"
    images = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert images.SeriesInstanceUID == "1.2.3.4" != found.SeriesInstanceUID
    assert len(images.ContourImageSequence) == 14
    assert found.StructureSetROISequence[0].ReferencedFrameOfReferenceUID == "1.2.5"
    assert found.RTROIObservationsSequence[0].RTROIInterpretedType == "CTV"


def test_nothing_of_the_patient_is_logged(tmp_path, capfd, caplog, monkeypatch):
    """pydicom warns of values that break the rules and quotes them; none of that may come out."""
    caplog.set_level(logging.DEBUG)
    grid, series = axial_grid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Far too long for a name, a warning each time it is read or written; and a date that writing refuses.
        monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
        write_series(tmp_path / "dicom", *series, name=SECRETS[0] * 8, birth=f"born {SECRETS[2]}")
        monkeypatch.undo()
    caplog.clear()
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write_structure_set(
            tmp_path / "plan.dcm", read_series(tmp_path / "dicom"), {"CTV": Volume(odd_shape(grid), grid)}
        )
    seen = capfd.readouterr()
    text = seen.out + seen.err + caplog.text + "".join(str(item.message) for item in caught)
    assert not [secret for secret in SECRETS if secret in text]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert str(pydicom.dcmread(tmp_path / "plan.dcm").PatientName) == SECRETS[0] * 8
