"""Target volumes as a DICOM RT structure set, with contours in the planes of the patient's image series.

Nothing of what a DICOM file says about the patient is ever printed, logged or put into an error message: messages name
the command's option, not files, whose names may hold a patient's. The structure set itself is part of the patient's
record and carries the same patient and study as the series.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.errors import InputError
from gliofit.grid import Volume
from gliofit.io import atomic_path

__all__ = ["Series", "dicom_problem", "mask_contours", "read_series", "write_structure_set"]

_SUBJECT = "DICOM series"

_STRUCTURE_SET_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"

#: Blue for the margin, vermilion for the model: told apart with every common form of colour blindness.
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))

#: What a structure set has in common with the images it was drawn on.
_OF_PATIENT = (
    "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip

#: Share of a target that may lie beyond the series, for voxels cut by its edge.
_LARGEST_LOSS = 0.001


def dicom_problem() -> str | None:
    """Why DICOM files cannot be read and written here, or None if they can."""
    try:
        import pydicom
    except ImportError:
        return "pydicom is not installed (pip install 'gliofit[dicom]')"
    return None if hasattr(pydicom, "__version__") and int(pydicom.__version__.split(".")[0]) >= 3 else "pydicom is old"


@dataclass(frozen=True, eq=False)
class Slice:
    """One image of a series.

    Parameters
    ----------
    instance, sop_class
        Identifiers of the image.
    origin
        Centre of the first pixel in the patient frame, mm; shape (3,), DICOM axes (left, posterior, superior).
    column_step, row_step
        Vectors from a pixel to the next one along a row and to the one in the next row, mm; shape (3,).
    rows, columns
        Size of the image in pixels.
    """

    instance: str
    sop_class: str
    origin: NDArray[np.float64]
    column_step: NDArray[np.float64]
    row_step: NDArray[np.float64]
    rows: int
    columns: int

    def positions(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patient positions (..., 3) in mm of fractional (column, row) pixels (..., 2)."""
        return self.origin + pixels[..., :1] * self.column_step + pixels[..., 1:] * self.row_step


@dataclass(frozen=True, eq=False)
class Series:
    """Images of one series, in order along their normal."""

    slices: tuple[Slice, ...]
    series_uid: str
    frame_uid: str
    of_patient: Mapping[str, Any]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the images."""
        across = np.cross(self.slices[0].column_step, self.slices[0].row_step)
        return across / np.linalg.norm(across)

    def contains(self, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the (n, 3) patient positions lie in the block that the images span."""
        first = self.slices[0]
        along = np.array([float(part.origin @ self.normal) for part in self.slices])
        half = float(np.diff(along).max() / 2) if len(along) > 1 else 0.5
        offset = positions - first.origin
        column = offset @ first.column_step / (first.column_step @ first.column_step)
        row = offset @ first.row_step / (first.row_step @ first.row_step)
        height = positions @ self.normal
        return np.asarray(
            (column >= -0.5) & (column <= first.columns - 0.5) & (row >= -0.5) & (row <= first.rows - 0.5)
            & (height >= along[0] - half - 1e-3) & (height <= along[-1] + half + 1e-3)
        )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pydicom from warning of odd values: its warnings quote them, a patient's name for instance."""
    from pydicom import config

    log = logging.getLogger("pydicom")
    before = log.disabled, config.settings.reading_validation_mode, config.settings.writing_validation_mode
    log.disabled = True
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled, config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


def read_series(folder: str | Path) -> Series:
    """Read the geometry of a DICOM image series; files that are no DICOM images are passed over.

    Raises
    ------
    InputError
        If pydicom is missing, the folder holds no images with a position, images of several series, or images that are
        not parallel or not of one size. Messages hold no path and nothing from the files.
    """
    problem = dicom_problem()
    if problem is not None:
        raise InputError(_SUBJECT, problem, "install it, or leave --dicom out")
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(_SUBJECT, "folder not found", "check the path given to --dicom")
    import pydicom

    slices: list[Slice] = []
    series: set[str] = set()
    frames: set[str] = set()
    of_patient: dict[str, Any] = {}
    with _quiet():
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            try:
                image = pydicom.dcmread(path, stop_before_pixels=True)
                found = _slice_of(image)
            except Exception:  # noqa: BLE001 - no DICOM image; what pydicom says may quote a patient's name
                continue
            if not slices:
                of_patient = {name: image[name].value for name in _OF_PATIENT if name in image}
            slices.append(found)
            series.add(str(image.SeriesInstanceUID))
            frames.add(str(image.FrameOfReferenceUID))
    if not slices:
        raise InputError(
            _SUBJECT, "holds no images with a position in the patient", "give the folder of a series of single images"
        )
    if len(series) > 1 or len(frames) > 1:
        raise InputError(_SUBJECT, f"holds images of {len(series)} series", "give a folder with one series alone")
    first = slices[0]
    for other in slices[1:]:
        same = np.allclose(other.column_step, first.column_step, atol=1e-3) and np.allclose(
            other.row_step, first.row_step, atol=1e-3
        )
        if not same or (other.rows, other.columns) != (first.rows, first.columns):
            raise InputError(_SUBJECT, "holds images that are not parallel or not of one size", "leave localisers out")
    across = np.cross(first.column_step, first.row_step)
    ordered = sorted(slices, key=lambda part: float(part.origin @ across))
    return Series(tuple(ordered), series.pop(), frames.pop(), of_patient)


def _slice_of(image: Any) -> Slice:
    """Geometry of one image; raises whatever is missing."""
    direction = np.array(image.ImageOrientationPatient, dtype=np.float64)
    between_rows, between_columns = (float(value) for value in image.PixelSpacing)
    return Slice(
        str(image.SOPInstanceUID),
        str(image.SOPClassUID),
        np.array(image.ImagePositionPatient, dtype=np.float64),
        direction[:3] * between_columns,
        direction[3:] * between_rows,
        int(image.Rows),
        int(image.Columns),
    )


_TO_RAS = np.array([-1.0, -1.0, 1.0])


def mask_contours(mask: Volume, part: Slice) -> list[NDArray[np.float64]]:
    """Closed contours of a mask in the plane of an image, each of shape (points, 3), in mm of the patient frame.

    The mask is interpolated linearly to the image's pixels and cut at one half, so that a mask on the image's own
    pixels gives contours that run midway between its pixels and those outside. A hole is joined to its outline by a
    channel of no width, as DICOM has it for closed planar contours.
    """
    from contourpy import FillType, contour_generator
    from scipy.ndimage import map_coordinates

    row, column = np.meshgrid(np.arange(part.rows), np.arange(part.columns), indexing="ij")
    positions = part.positions(np.stack([column, row], axis=-1).astype(np.float64))
    voxels = mask.grid.world_to_voxel(positions * _TO_RAS)
    field = map_coordinates(mask.data.astype(np.float32), np.moveaxis(voxels, -1, 0), order=1, mode="constant", cval=0)
    if not (field >= 0.5).any():
        return []
    # A rim of zeros closes contours at the image's edge.
    generator = contour_generator(z=np.pad(field, 1), fill_type=FillType.OuterOffset)
    filled: Any = generator.filled(0.5, 2.0)
    outlines, offsets = filled
    contours = []
    for points, ends in zip(outlines, offsets, strict=True):
        rings = [points[begin : end - 1] - 1 for begin, end in pairwise(ends)]
        ring = rings[0]
        for hole in rings[1:]:
            ring = _join(ring, hole)
        if len(ring) >= 3:
            contours.append(part.positions(ring))
    return contours


def _join(ring: NDArray[np.float64], hole: NDArray[np.float64]) -> NDArray[np.float64]:
    """One ring that runs round the outline, across to the hole at their nearest points, round it, and back."""
    from scipy.spatial import cKDTree

    gaps, nearest = cKDTree(ring).query(hole)
    start = int(gaps.argmin())
    at = int(nearest[start])
    turned = np.roll(hole, -start, axis=0)
    return np.concatenate([ring[: at + 1], turned, turned[:1], ring[at:]])


def write_structure_set(path: str | Path, series: Series, targets: Mapping[str, Volume]) -> None:
    """Write targets as a DICOM RT structure set in the frame of an image series.

    Dates are left empty and identifiers follow from series and masks, so the same input gives the same file.

    Parameters
    ----------
    path
        File to write (``.dcm``).
    series
        The images that contours refer to. The masks' world coordinates must be those of the scanner: a NIfTI image that
        was made from this series, or resampled to it, not one moved to an atlas.
    targets
        Masks (bool) by the name of the structure.

    Raises
    ------
    InputError
        If a target lies outside the images, as happens when it was moved to an atlas, or between two of them.
    """
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    digest = hashlib.sha256()
    for name, mask in targets.items():
        digest.update(name.encode() + np.packbits(mask.data.astype(bool)).tobytes() + mask.grid.affine.tobytes())
        _check_inside(mask, series)

    def uid(kind: str) -> str:
        return str(generate_uid(entropy_srcs=[kind, series.series_uid, digest.hexdigest()]))

    with _quiet():
        out = Dataset()
        for name, value in series.of_patient.items():
            setattr(out, name, value)
        for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                     "AccessionNumber", "ReferringPhysicianName"):  # fmt: skip
            if name not in out:
                setattr(out, name, "")
        out.SOPClassUID, out.SOPInstanceUID = _STRUCTURE_SET_CLASS, uid("instance")
        out.Modality, out.SeriesInstanceUID, out.SeriesNumber = "RTSTRUCT", uid("series"), None
        out.SeriesDescription = "gliofit targets, research use only"
        out.Manufacturer, out.OperatorsName = "gliofit", ""
        out.InstanceNumber = 1
        out.StructureSetLabel = "gliofit"
        out.StructureSetDate = out.StructureSetTime = ""
        out.ApprovalStatus = "UNAPPROVED"
        out.FrameOfReferenceUID, out.PositionReferenceIndicator = series.frame_uid, ""

        images = [_item(ReferencedSOPClassUID=part.sop_class, ReferencedSOPInstanceUID=part.instance)
                  for part in series.slices]  # fmt: skip
        of_series = _item(SeriesInstanceUID=series.series_uid, ContourImageSequence=images)
        of_study = _item(
            ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
            ReferencedSOPInstanceUID=str(out.get("StudyInstanceUID", "")),
            RTReferencedSeriesSequence=[of_series],
        )
        out.ReferencedFrameOfReferenceSequence = [
            _item(FrameOfReferenceUID=series.frame_uid, RTReferencedStudySequence=[of_study])
        ]
        names, contours, observations = [], [], []
        for number, (name, mask) in enumerate(targets.items(), start=1):
            names.append(
                _item(
                    ROINumber=number,
                    ReferencedFrameOfReferenceUID=series.frame_uid,
                    ROIName=name,
                    ROIGenerationAlgorithm="AUTOMATIC",
                )
            )
            found = [_contour(points, part) for part in series.slices for points in mask_contours(mask, part)]
            if not found:
                raise InputError(_SUBJECT, f"'{name}' lies between its images", "give a series with thinner slices")
            colour = list(_COLOURS[(number - 1) % len(_COLOURS)])
            contours.append(_item(ReferencedROINumber=number, ROIDisplayColor=colour, ContourSequence=found))
            observations.append(
                _item(
                    ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="CTV", ROIInterpreter=""
                )
            )
        out.StructureSetROISequence = names
        out.ROIContourSequence = contours
        out.RTROIObservationsSequence = observations

        out.file_meta = FileMetaDataset()
        out.file_meta.MediaStorageSOPClassUID = out.SOPClassUID
        out.file_meta.MediaStorageSOPInstanceUID = out.SOPInstanceUID
        out.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        with atomic_path(path) as temporary:
            dcmwrite(temporary, out, enforce_file_format=True)


def _item(**values: Any) -> Any:
    """A data set of a sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


def _contour(points: NDArray[np.float64], part: Slice) -> Any:
    """A closed contour that refers to its image; a thousandth of a mm is more than enough."""
    return _item(
        ContourImageSequence=[_item(ReferencedSOPClassUID=part.sop_class, ReferencedSOPInstanceUID=part.instance)],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
        ContourData=[f"{value:.3f}" for value in points.ravel()],
    )


def _check_inside(mask: Volume, series: Series) -> None:
    voxels = np.argwhere(mask.data)
    if not len(voxels):
        raise InputError(_SUBJECT, "a target is empty", "leave --dicom out")
    outside = np.count_nonzero(~series.contains(mask.grid.voxel_to_world(voxels) * _TO_RAS))
    if outside > _LARGEST_LOSS * len(voxels):
        raise InputError(
            _SUBJECT, f"{outside} of {len(voxels)} voxels of a target lie outside its images",
            "give the series that the patient's images were made from, in the scanner's own frame",
        )  # fmt: skip
