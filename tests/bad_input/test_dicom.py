"""Structure sets of irregular DICOM series: refused with a code, or read the same by every rule of filling."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, Volume
from gliofit.plan.dicom import read_series, write_structure_set

from .conftest import Run, code_of, plan, refused
from .dicom import CENTRE, DICOM_KINDS, VALID, again, make_images, target, write_images
from .kind import Kind, each_kind
from .made_up import SCENE

pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")

_SECRETS = ("Mueller", "4711", "19501224")


def _written(folder: Path, mask: Volume, *, warnings: list[InputWarning] | None = None) -> Path:
    path = folder.with_suffix(".dcm")
    write_structure_set(path, read_series(folder, warnings=warnings), {"CTV": mask}, warnings=warnings)
    return path


@each_kind(DICOM_KINDS)
def test_a_series_that_is_not_one_stack_is_refused(kind: Kind, tmp_path: Path) -> None:
    mask = kind.make(tmp_path / "series") or target()
    with pytest.raises(InputError) as error:
        _written(tmp_path / "series", mask)
    assert kind.is_told_by(error.value), error.value
    assert not [secret for secret in (*_SECRETS, str(tmp_path)) if secret in str(error.value)]
    assert not (tmp_path / "series.dcm").exists()


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """Files are cut within and between attributes, and within the pixels."""
    write_images(tmp_path / "series", make_images((6, 5, 3)))
    path = tmp_path / "series" / "image-002.dcm"
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert code_of(read_series, tmp_path / "series") == "dicom-damaged-file", length
    path.write_bytes(whole)
    read_series(tmp_path / "series")


def test_an_empty_target_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "series", make_images())
    empty = Volume(np.zeros(target().grid.shape, bool), target().grid)
    assert code_of(_written, tmp_path / "series", empty) == "dicom-empty-target"


@pytest.mark.parametrize("name", VALID)
def test_every_rule_of_filling_gives_the_volume_of_the_mask(name: str, tmp_path: Path) -> None:
    make, mask = VALID[name]
    make(tmp_path / "series")
    warnings: list[InputWarning] = []
    found = _Filled(_written(tmp_path / "series", mask, warnings=warnings), tmp_path / "series")
    assert not warnings
    voxels = np.argwhere(mask.data)
    volume = len(voxels) * mask.grid.voxel_volume_mm3
    centroid = mask.grid.voxel_to_world(voxels).mean(axis=0) * [-1, -1, 1]
    assert found.volumes == pytest.approx(dict.fromkeys(found.volumes, volume), rel=0.02)
    np.testing.assert_allclose(found.centroid, centroid, atol=0.3)
    assert found.frame == "1.2.5"


def test_copies_of_a_file_are_left_out_with_a_warning(tmp_path: Path) -> None:
    write_images(tmp_path / "series", make_images())
    for number in (3, 4):
        shutil.copy(tmp_path / "series" / f"image-{number:03d}.dcm", tmp_path / "series" / f"copy {number}.dcm")
    warnings: list[InputWarning] = []
    found = _Filled(_written(tmp_path / "series", target(), warnings=warnings), tmp_path / "series")
    assert [warning.code for warning in warnings] == ["dicom-copies"]
    volume = np.count_nonzero(target().data) * 1.5**3
    assert found.volumes == pytest.approx(dict.fromkeys(found.volumes, volume), rel=0.02)


def test_a_mask_that_ends_with_its_grid_keeps_its_last_half_voxel(tmp_path: Path) -> None:
    """A block that fills a grid of 6 mm voxels: 24 mm wide, although voxel centres are 18 mm apart."""
    write_images(tmp_path / "series", make_images((20, 20, 14), (2, 2, 2)))
    affine = np.diag([6.0, 6, 6, 1])
    affine[:3, 3] = np.array(CENTRE) * [-1, -1, 1] - 9
    block = Volume(np.ones((4, 4, 4), bool), Grid((4, 4, 4), affine))
    contours = pydicom.dcmread(_written(tmp_path / "series", block)).ROIContourSequence[0].ContourSequence
    points = np.concatenate([np.array(contour.ContourData, float).reshape(-1, 3) for contour in contours])
    assert len(contours) == 12  # planes at -11, -9, ... 11 mm
    np.testing.assert_allclose(np.abs(points[:, :2] - CENTRE[:2]).max(axis=0), 12, atol=0.01)


def test_a_rim_outside_the_images_is_named(tmp_path: Path) -> None:
    write_images(tmp_path / "series", make_images())
    inside = target("ball")
    # Two voxels of 1.5 mm beyond the 40 mm of the stack.
    inside.data[24, 24, 49] = inside.data[25, 24, 49] = True
    count = int(inside.data.sum())
    warnings: list[InputWarning] = []
    _written(tmp_path / "series", inside, warnings=warnings)
    (warning,) = warnings
    assert warning.code == "dicom-target-cut"
    assert f"2 of {count} voxels" in warning.problem


def test_slices_too_thick_for_the_target_are_named(tmp_path: Path) -> None:
    write_images(tmp_path / "series", make_images((44, 40, 5), (2, 2, 12)))
    warnings: list[InputWarning] = []
    _written(tmp_path / "series", target("ball", size=0.5), warnings=warnings)
    assert [warning.code for warning in warnings] == ["dicom-volume-change"]


def test_a_contour_of_more_than_64_kb_can_be_read(tmp_path: Path) -> None:
    """Explicit value representations have no longer ContourData, and writers change its type to unknown."""
    write_images(tmp_path / "series", make_images((160, 150, 2), (0.5, 0.5, 2.0)))
    index = np.indices((160, 150, 2))
    # A plate with a hole at every fourth pixel.
    plate = ((index[0] % 4 > 0) | (index[1] % 4 > 0)) & (np.abs(index[0] - 80) < 52) & (np.abs(index[1] - 75) < 52)
    plate[..., 1] = False
    affine = np.diag([-0.5, -0.5, 2.0, 1.0])
    affine[:3, 3] = (np.array(CENTRE) - np.array([159, 149, 1]) / 2 * [0.5, 0.5, 2]) * [-1, -1, 1]
    path = _written(tmp_path / "series", Volume(plate, Grid(plate.shape, affine)))
    contour = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence[0]
    assert contour["ContourData"].VR == "DS"
    assert sum(len(str(value)) + 1 for value in contour.ContourData) > 2**16


class _Filled:
    """A structure set, filled in by each rule on points of half a pixel.

    Parameters
    ----------
    path
        The structure set; its first structure is read.
    folder
        Its series; each contour must lie in the plane of the image that it refers to.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        structures = pydicom.dcmread(path)
        images = {}
        for file in folder.rglob("*"):
            if file.is_file() and not file.name.startswith((".", "notes")):
                image = pydicom.dcmread(file, stop_before_pixels=True, force=True)
                if "ImagePositionPatient" in image:
                    images[image.SOPInstanceUID] = image
        frames = structures.ReferencedFrameOfReferenceSequence
        series = frames[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
        assert {item.ReferencedSOPInstanceUID for item in series.ContourImageSequence} == set(images)
        assert len(series.ContourImageSequence) == len(images)
        roi = structures.StructureSetROISequence[0]
        assert roi.ReferencedFrameOfReferenceUID == structures.FrameOfReferenceUID == frames[0].FrameOfReferenceUID
        self.frame = str(structures.FrameOfReferenceUID)

        first = next(iter(images.values()))
        steps = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
        normal = np.cross(*steps)
        spacing = np.array(first.PixelSpacing, float)[::-1]
        heights = np.sort([np.array(image.ImagePositionPatient, float) @ normal for image in images.values()])
        point_mm3 = spacing.prod() / 4 * np.diff(heights).mean()
        axes = [np.arange(-0.5, n, 0.5) + 0.017 for n in (first.Columns, first.Rows)]
        self._x, self._y = np.meshgrid(*axes, indexing="ij")
        planes: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for contour in structures.ROIContourSequence[0].ContourSequence:
            instance = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            offset = points - np.array(images[instance].ImagePositionPatient, float)
            np.testing.assert_allclose(offset @ normal, 0, atol=0.002)
            planes.setdefault(instance, []).append(self._fill(offset @ steps.T / spacing))
        count = dict.fromkeys(("even-odd over all", "union of even-odd", "union of non-zero"), 0)
        moment = np.zeros(3)
        for instance, fills in planes.items():
            crossings, windings = (np.array(part) for part in zip(*fills, strict=True))
            union = (crossings % 2).any(axis=0)
            count["even-odd over all"] += int((crossings.sum(axis=0) % 2).sum())
            count["union of even-odd"] += int(union.sum())
            count["union of non-zero"] += int(windings.any(axis=0).sum())
            local = np.stack([self._x[union], self._y[union]], axis=-1) * spacing
            moment += (np.array(images[instance].ImagePositionPatient, float) + local @ steps).sum(axis=0)
        self.volumes = {rule: points * point_mm3 for rule, points in count.items()}
        self.centroid = moment / count["union of even-odd"]

    def _fill(self, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Crossings of the ray from each point towards larger x, and how often the ring winds round the point."""
        crossings, windings = np.zeros(self._x.shape, int), np.zeros(self._x.shape, int)
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if y0 != y1:
                rows = ((y0 <= self._y[0]) != (y1 <= self._y[0])).nonzero()[0]
                right = self._x[:, rows] < x0 + (self._y[0, rows] - y0) * (x1 - x0) / (y1 - y0)
                crossings[:, rows] += right
                windings[:, rows] += right * (1 if y1 > y0 else -1)
        return crossings, windings


def test_the_command_names_the_code(tmp_path: Path, run: Run) -> None:
    SCENE.save(tmp_path)
    again(EchoTime="160")(tmp_path / "series")
    error = refused(run, *plan(tmp_path, tmp_path / "plan", dicom=tmp_path / "series"))
    assert error["code"] == "dicom-same-plane"
    assert not (tmp_path / "plan").exists()
