"""DICOM RT structure sets of target volumes, with contours in the planes of the patient's image series.

Errors, warnings and logs name attributes but contain no values of the DICOM files and no file names, which may identify
the patient. The structure set is part of the patient's record and contains the patient and study of the series.
"""

from __future__ import annotations

import filecmp
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import atomic_path

_SUBJECT = "DICOM series"

_STRUCTURE_SET_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_DEFLATED = "1.2.840.10008.1.2.1.99"

#: Storage of single CT, MR and PET images. Images of other classes may have no position in the patient (screenshots).
_SECTION_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128")

#: Blue and vermilion first: distinct with every common form of colour blindness.
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167))

#: Attributes that the structure set copies from the images.
_PATIENT_KEYWORDS = (
    "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip

_UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")

#: Attributes of the position of an image, and their numbers of values.
_GEOMETRY_KEYWORDS = {
    "ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "Rows": 1, "Columns": 1,
}  # fmt: skip

#: Attributes in which several images of one plane usually differ.
_VARIANT_KEYWORDS = (
    "ImageType", "EchoTime", "InversionTime", "FlipAngle", "DiffusionBValue", "TemporalPositionIdentifier",
    "TriggerTime", "AcquisitionNumber", "AcquisitionTime",
)  # fmt: skip

_KEYWORDS = (
    *_PATIENT_KEYWORDS, *_UID_KEYWORDS, *_GEOMETRY_KEYWORDS, *_VARIANT_KEYWORDS, "NumberOfFrames", "PixelData",
)  # fmt: skip

#: Common properties of all images: plural and singular name, and identifying attributes.
_COMMON = (
    ("patients", "patient", ("PatientID", "PatientName", "PatientBirthDate")),
    ("studies", "study", ("StudyInstanceUID",)),
    ("series", "series", ("SeriesInstanceUID",)),
    ("frames of reference", "frame of reference", ("FrameOfReferenceUID",)),
)

#: Tolerated deviation of positions from even spacing, in mm and as a share of the spacing.
_POSITION_TOLERANCE_MM = 0.06
_SPACING_TOLERANCE = 0.05

#: Largest share of a target's voxels outside the images; smaller shares cause a warning.
_LARGEST_LOSS = 0.001

#: Relative difference between the volumes of contours and mask above which a warning is given.
_LARGEST_VOLUME_CHANGE = 0.05

#: Signs of the axes: DICOM positions point left and posterior, world coordinates right and anterior.
_TO_RAS = np.array([-1.0, -1.0, 1.0])


def _error(problem: str, hint: str, code: str) -> InputError:
    return InputError(_SUBJECT, problem, hint, code)


def dicom_problem() -> str | None:
    """Return the reason why DICOM files cannot be read and written, or None."""
    try:
        import pydicom
    except ImportError:
        return "pydicom is not installed (pip install 'gliofit[dicom]')"
    return None if int(pydicom.__version__.split(".")[0]) >= 3 else "pydicom is older than version 3"


@dataclass(frozen=True, eq=False)
class Slice:
    """Identifiers and geometry of one image.

    ``origin`` is the centre of the first pixel, ``column_step`` and ``row_step`` are the vectors to the next pixel in
    its row and in its column: shape (3,), in mm of the patient frame (left, posterior, superior).
    """

    instance: str
    sop_class: str
    origin: NDArray[np.float64]
    column_step: NDArray[np.float64]
    row_step: NDArray[np.float64]
    rows: int
    columns: int

    def positions(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the patient positions (..., 3) in mm of fractional (column, row) pixels (..., 2)."""
        return self.origin + pixels[..., :1] * self.column_step + pixels[..., 1:] * self.row_step

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal vector of the image, shape (3,)."""
        normal = np.cross(self.column_step, self.row_step)
        return np.asarray(normal / np.linalg.norm(normal), np.float64)


@dataclass(frozen=True, eq=False)
class Series:
    """At least two images that form a regular stack, in order along their normal.

    ``patient`` has the attributes of patient and study for the structure set, by keyword.
    """

    slices: tuple[Slice, ...]
    series_uid: str
    frame_uid: str
    patient: Mapping[str, Any]

    @property
    def heights(self) -> NDArray[np.float64]:
        """Positions of the images along their normal in mm, ascending; shape (n,)."""
        return np.array([image.origin @ self.slices[0].normal for image in self.slices])

    @property
    def spacing_mm(self) -> float:
        """Distance between neighbouring images along their normal, in mm."""
        heights = self.heights
        return float(heights[-1] - heights[0]) / (len(heights) - 1)

    def contains(self, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the (n, 3) patient positions the images cover.

        Each image covers its pixels up to half a spacing on either side. The nearest image is used, because gantry
        tilt shifts images against each other.
        """
        first = self.slices[0]
        heights = self.heights
        height = positions @ first.normal
        nearest = np.rint((height - heights[0]) / self.spacing_mm).astype(int).clip(0, len(heights) - 1)
        offset = positions - np.array([image.origin for image in self.slices])[nearest]
        column = offset @ first.column_step / (first.column_step @ first.column_step)
        row = offset @ first.row_step / (first.row_step @ first.row_step)
        half = self.spacing_mm / 2 + 1e-3
        return np.asarray(
            (column >= -0.5) & (column <= first.columns - 0.5) & (row >= -0.5) & (row <= first.rows - 0.5)
            & (height >= heights[0] - half) & (height <= heights[-1] + half)
        )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress pydicom's warnings about invalid values, which quote them (a patient's name for example)."""
    from pydicom.config import disable_value_validation

    log = logging.getLogger("pydicom")
    disabled = log.disabled
    log.disabled = True
    try:
        with disable_value_validation(), catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        log.disabled = disabled


def read_series(folder: str | Path, *, warnings: list[InputWarning] | None = None) -> Series:
    """Read the geometry of a DICOM image series, which must be one regular stack of single images.

    Other files (text, structure sets, reports, DICOMDIR) and images without position (screenshots) are ignored. Only
    headers are used, so any compression of pixels is accepted. Names of files, InstanceNumber and SliceThickness are
    not used. Subfolders are read too. Warnings are appended to ``warnings``.

    Raises
    ------
    InputError
        If pydicom is missing, a file is damaged, or the images are not one regular stack: see the table of DICOM series
        in ``docs/bad-input.md``. Messages contain no path and no value from the files.
    """
    if (problem := dicom_problem()) is not None:
        raise _error(problem, "install it, or omit --dicom", "dicom-no-pydicom")
    folder = Path(folder)
    if not folder.is_dir():
        raise _error("folder not found", "check the path given to --dicom", "dicom-folder-not-found")
    with _quiet():
        images = _without_copies(_read_images(folder), [] if warnings is None else warnings)
        for plural, singular, keywords in _COMMON:
            values = {tuple(_text(image, keyword) for keyword in keywords) for image in images}
            _check_single(len(values - {("",)}), plural, singular)  # a missing UID is reported below
        _check_single_frames(images)
        _check_attributes(images)
        slices = [_slice_of(image) for image in images]
        _check_geometry(slices)
        order = np.argsort([image.origin @ slices[0].normal for image in slices], kind="stable")
        images, slices = [images[i] for i in order], [slices[i] for i in order]
        _check_positions(slices, images)
        _check_spacing(slices)
        first = images[0]
        patient = {keyword: first[keyword].value for keyword in _PATIENT_KEYWORDS if keyword in first}
        return Series(tuple(slices), str(first.SeriesInstanceUID), str(first.FrameOfReferenceUID), patient)


def _read_images(folder: Path) -> list[Any]:
    """Read the attributes ``_KEYWORDS`` of the images in a folder as pydicom data sets."""
    from pydicom import dcmread

    images: list[Any] = []
    damaged = 0
    for path in sorted(folder.rglob("*")):
        # A broken link counts as damaged: it is an image that was not fetched.
        if path.name.startswith(".") or not (path.is_file() or path.is_symlink()):
            continue
        try:
            with path.open("rb") as file:
                start = file.read(132)
            # Old files have no preamble and begin with group 0008 of the data set.
            bare = start[:2] == b"\x08\x00" and start[3:4] == b"\x00"
            cut_short = (bytes(128) + b"DICM").startswith(start) and len(start) < 132
            if not (bare or cut_short or start.endswith(b"DICM")):
                continue
            image = dcmread(path, defer_size=1024, specific_tags=list(_KEYWORDS), force=bare)
            if _ends_early(image, path):
                damaged += 1
            elif _is_image(image):
                images.append(image)
        except Exception:  # noqa: BLE001 - many types; messages of pydicom may quote a patient's name
            damaged += 1
    if with_pixels := sum("PixelData" in image for image in images):
        damaged += len(images) - with_pixels
    if damaged:
        problem = f"holds unreadable or incomplete files ({damaged})"
        raise _error(problem, "copy the whole series again", "dicom-damaged-file")
    if not images:
        raise _error("holds no images", "give the folder of a series of CT, MR or PET images", "dicom-no-images")
    return images


def _is_image(image: Any) -> bool:
    """Return whether a data set is an image with a position, or part of one; ValueError if it has no class."""
    from pydicom.uid import UID

    sop_class = UID(_text(image, "SOPClassUID") or str(image.file_meta.get("MediaStorageSOPClassUID", "")))
    if not sop_class:
        raise ValueError("no class")
    known = sop_class.name != sop_class
    if not ("Image Storage" in sop_class.name if known else "Rows" in image):
        return False
    placed = "ImagePositionPatient" in image or "ImageOrientationPatient" in image
    return placed or sop_class in _SECTION_CLASSES or "Enhanced" in sop_class.name


def _ends_early(image: Any, path: Path) -> bool:
    """Return whether the file ends before the end of an attribute."""
    if image.file_meta.get("TransferSyntaxUID") == _DEFLATED:
        return False  # positions are those of the decompressed data, which would not have been complete
    parts = (image.file_meta, image)
    elements = [part.get_item(tag, keep_deferred=True) for part in parts for tag in list(part.keys())]
    known = [element for element in elements if getattr(element, "length", 0xFFFFFFFF) != 0xFFFFFFFF]
    return any(element.value_tell + element.length > path.stat().st_size for element in known)


def _text(image: Any, keyword: str) -> str:
    """Return the value of an attribute as text, without the padding of names; empty if it is missing."""
    value = image.get(keyword)
    return "" if value is None else str(value).strip(" ^\0")


def _numbers(image: Any, keyword: str) -> NDArray[np.float64]:
    """Return the values of an attribute, shape (n,); empty if they are not numbers."""
    try:
        return np.atleast_1d(np.array(image[keyword].value, dtype=np.float64))
    except (TypeError, ValueError):
        return np.zeros(0)


def _without_copies(images: Sequence[Any], warnings: list[InputWarning]) -> list[Any]:
    """Return the images without byte-identical copies, with a warning about these."""
    first: dict[str, Any] = {}
    distinct = []
    for image in images:
        identifier = _text(image, "SOPInstanceUID")
        original = first.setdefault(identifier, image) if identifier else image
        if original is image:
            distinct.append(image)
        elif not filecmp.cmp(original.filename, image.filename, shallow=False):
            problem = "holds different images with the same SOPInstanceUID"
            raise _error(problem, "export the series again, one version of each image", "dicom-same-identifier")
    if copies := len(images) - len(distinct):
        problem = f"holds byte-identical copies of images ({copies}), which are ignored"
        warnings.append(InputWarning(_SUBJECT, problem, "remove the copies", "dicom-copies"))
    return distinct


def _check_single(count: int, plural: str, singular: str) -> None:
    if count > 1:
        code = f"dicom-several-{plural.replace(' ', '-')}"
        raise _error(f"holds images of {count} {plural}", f"give a folder with images of only one {singular}", code)


def _check_single_frames(images: Sequence[Any]) -> None:
    """Check that each file holds one image: no enhanced or multi-frame image, no mosaic."""
    from pydicom.uid import UID

    several = sum(
        (_numbers(image, "NumberOfFrames") > 1).any()
        if "NumberOfFrames" in image
        else "Enhanced" in UID(_text(image, "SOPClassUID")).name or "MOSAIC" in _text(image, "ImageType")
        for image in images
    )
    if several:
        problem = f"holds multi-frame, enhanced or mosaic images ({several} of {len(images)})"
        raise _error(problem, "export the series as single images", "dicom-multi-frame")


def _check_attributes(images: Sequence[Any]) -> None:
    """Check that each image has the attributes for contours, with valid values."""
    keywords = (*_UID_KEYWORDS, *_GEOMETRY_KEYWORDS)
    for preposition, code, is_good in (
        ("without", "dicom-missing-attribute", _text),
        ("with an invalid", "dicom-invalid-attribute", _is_valid),
    ):
        failures = [[keyword for keyword in keywords if not is_good(image, keyword)] for image in images]
        if count := sum(map(bool, failures)):
            names = dict.fromkeys(keyword for image in failures for keyword in image)
            problem = f"holds images {preposition} {', '.join(names)} ({count} of {len(images)})"
            raise _error(problem, "export the series again from the scanner or the archive", code)


def _is_valid(image: Any, keyword: str) -> bool:
    """Return whether an attribute of the position has valid values; other attributes are not checked."""
    if keyword not in _GEOMETRY_KEYWORDS:
        return True
    values = _numbers(image, keyword)
    if values.shape != (_GEOMETRY_KEYWORDS[keyword],) or not np.isfinite(values).all():
        return False
    if keyword == "ImageOrientationPatient":
        axes = values.reshape(2, 3)
        return bool(np.allclose(axes @ axes.T, np.eye(2), atol=2e-3))
    return keyword == "ImagePositionPatient" or bool((values > 0).all())


def _slice_of(image: Any) -> Slice:
    """Return the geometry of an image with valid attributes."""
    direction = _numbers(image, "ImageOrientationPatient")
    between_rows, between_columns = _numbers(image, "PixelSpacing")
    return Slice(
        _text(image, "SOPInstanceUID"),
        _text(image, "SOPClassUID"),
        _numbers(image, "ImagePositionPatient"),
        direction[:3] * between_columns,
        direction[3:] * between_rows,
        int(image.Rows),
        int(image.Columns),
    )


def _check_geometry(slices: Sequence[Slice]) -> None:
    """Check that all images have one size, one pixel spacing and one orientation."""
    sizes = [np.array([image.rows, image.columns], float) for image in slices]
    steps = [np.array([image.column_step, image.row_step]) for image in slices]
    spacings = [np.linalg.norm(step, axis=1) for step in steps]
    directions = [step / spacing[:, None] for step, spacing in zip(steps, spacings, strict=True)]
    _check_single(_count_distinct(directions), "orientations", "orientation")
    _check_single(_count_distinct(sizes), "matrix sizes", "matrix size")
    _check_single(_count_distinct(spacings), "pixel spacings", "pixel spacing")


def _count_distinct(values: Sequence[NDArray[np.float64]]) -> int:
    """Return the number of values that differ by more than rounding."""
    distinct: list[NDArray[np.float64]] = []
    for value in values:
        if not any(np.allclose(value, other, rtol=0, atol=1e-3) for other in distinct):
            distinct.append(value)
    return len(distinct)


def _check_positions(slices: Sequence[Slice], images: Sequence[Any]) -> None:
    """Check that the images are in several planes, one in each.

    With several images per plane (echoes, time points, diffusion weightings) every contour would be repeated, which is
    an empty structure for readers that combine contours by the even-odd rule.
    """
    gaps = np.diff([image.origin @ slices[0].normal for image in slices])
    same = gaps < _POSITION_TOLERANCE_MM
    if same.any():
        pairs = [pair for pair, is_same in zip(pairwise(images), same, strict=True) if is_same]
        differing = [
            keyword for keyword in _VARIANT_KEYWORDS
            if any(_text(one, keyword) != _text(other, keyword) for one, other in pairs)
        ]  # fmt: skip
        problem = f"holds {len(slices)} images in {len(slices) - int(same.sum())} planes"
        problem += f", which differ in {', '.join(differing)}" if differing else ""
        hint = "give a folder with one image per plane: one echo, one time point, one weighting"
        raise _error(problem, hint, "dicom-same-plane")
    if len(slices) < 2:
        hint = "give the whole series; a target needs contours in several planes"
        raise _error("holds a single image", hint, "dicom-single-image")


def _check_spacing(slices: Sequence[Slice]) -> None:
    """Check that images have one distance and one direction.

    Readers give every contour the thickness of the common spacing, so a missing image causes a gap in the target.
    """
    origins = np.array([image.origin for image in slices])
    normal = slices[0].normal
    gaps = np.diff(origins @ normal)
    # Number of spacings of each image above the first, and the straight line through all positions.
    steps = np.rint(gaps / np.sort(gaps)[(len(gaps) - 1) // 2])
    index = np.concatenate([[0], np.cumsum(steps)])
    line = np.stack([np.ones_like(index), index], axis=-1)
    coefficients = np.linalg.lstsq(line, origins, rcond=None)[0]
    residual = origins - line @ coefficients
    along = residual @ normal
    spacing = float(coefficients[1] @ normal)
    if steps.min() < 1 or np.abs(along).max() > max(_POSITION_TOLERANCE_MM, _SPACING_TOLERANCE * spacing):
        problem = f"the distance between its images varies from {gaps.min():.3g} to {gaps.max():.3g} mm"
        raise _error(problem, "give a series with evenly spaced images", "dicom-uneven-spacing")
    if missing := int(steps.sum()) - len(gaps):
        problem = f"images are missing between the others ({missing} at a distance of {spacing:.3g} mm)"
        raise _error(problem, "copy the whole series, for contours in every plane", "dicom-missing-images")
    # Gantry tilt shifts successive images by a constant vector, which is part of the line.
    pixel = min(np.linalg.norm(slices[0].column_step), np.linalg.norm(slices[0].row_step))
    if np.linalg.norm(residual - along[:, None] * normal, axis=1).max() > pixel / 2:
        problem = "its images are shifted against each other within their planes"
        raise _error(problem, "give a series whose images form one stack", "dicom-shifted-images")


def mask_contours(mask: Volume, image: Slice) -> list[NDArray[np.float64]]:
    """Return the closed contours of a mask in the plane of an image.

    The mask is interpolated linearly to the image's pixels, with the contour at one half; for a mask on the same pixels
    it is midway between pixels inside and outside. Contours do not overlap. A hole is joined to its outline by a
    channel of zero width (the keyhole technique of DICOM PS3.3, C.8.8.6.3), so that the even-odd rule, the non-zero
    rule and the union of filled contours give the same area.

    Returns
    -------
    list of ndarray
        Contours of shape (points, 3), in mm of the patient frame; the first point is not repeated.
    """
    from contourpy import FillType, contour_generator
    from scipy.ndimage import map_coordinates

    row, column = np.meshgrid(np.arange(image.rows), np.arange(image.columns), indexing="ij")
    positions = image.positions(np.stack([column, row], axis=-1).astype(np.float64))
    voxels = np.moveaxis(mask.grid.world_to_voxel(positions * _TO_RAS), -1, 0)
    # With "grid-constant" a target at the edge of the grid ends half a voxel outside its last voxel, as elsewhere.
    field = map_coordinates(mask.data.astype(np.float32), voxels, order=1, mode="grid-constant", cval=0)
    if not (field >= 0.5).any():
        return []
    # A rim of zeros closes contours at the edge of the image.
    generator = contour_generator(z=np.pad(field, 1), fill_type=FillType.OuterOffset)
    filled: Any = generator.filled(0.5, 2.0)
    contours = []
    for points, ends in zip(*filled, strict=True):
        ring = reduce(_join, (points[begin : end - 1] - 1 for begin, end in pairwise(ends)))
        if len(ring) >= 3:
            contours.append(image.positions(ring))
    return contours


def _join(ring: NDArray[np.float64], hole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one ring of the outline and a hole, joined at their nearest points."""
    from scipy.spatial import cKDTree

    gaps, nearest = cKDTree(ring).query(hole)
    start = int(gaps.argmin())
    joint = int(nearest[start])
    turned = np.roll(hole, -start, axis=0)
    return np.concatenate([ring[: joint + 1], turned, turned[:1], ring[joint:]])


def _area_mm2(points: NDArray[np.float64]) -> float:
    """Return the area of a planar contour, shape (points, 3), without joined holes."""
    local = points - points[0]
    return float(np.linalg.norm(np.cross(local, np.roll(local, -1, axis=0)).sum(axis=0))) / 2


def write_structure_set(
    path: str | Path, series: Series, targets: Mapping[str, Volume], *, warnings: list[InputWarning] | None = None
) -> None:
    """Write targets as a DICOM RT structure set in the frame of an image series.

    Dates are empty and identifiers are derived from series and masks, so that equal input gives equal files.

    Parameters
    ----------
    series
        Images of the contours. The world coordinates of the masks must be those of the scanner, as of a NIfTI image
        converted from this series or resampled to it, not of one registered to an atlas.
    targets
        Masks (bool) by the name of the structure.

    Raises
    ------
    InputError
        If a target is empty, extends outside the images, or lies between two of them.
    """
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ImplicitVRLittleEndian, generate_uid

    warnings = [] if warnings is None else warnings
    digest = hashlib.sha256()
    contours = {}
    for name, mask in targets.items():
        digest.update(name.encode() + np.packbits(mask.data.astype(bool)).tobytes() + mask.grid.affine.tobytes())
        contours[name] = _target_contours(name, mask, series, warnings)

    def uid(kind: str) -> str:
        return str(generate_uid(entropy_srcs=[kind, series.series_uid, digest.hexdigest()]))

    with _quiet():
        # SpecificCharacterSet, the first, may be missing.
        missing = [keyword for keyword in _PATIENT_KEYWORDS[1:] if keyword not in series.patient]
        out = _item(**series.patient, **dict.fromkeys(missing, ""))
        out.SOPClassUID, out.SOPInstanceUID = _STRUCTURE_SET_CLASS, uid("instance")
        out.Modality, out.SeriesInstanceUID, out.SeriesNumber = "RTSTRUCT", uid("series"), None
        out.SeriesDescription = "gliofit targets, research use only"
        out.Manufacturer, out.OperatorsName, out.InstanceNumber = "gliofit", "", 1
        out.StructureSetLabel, out.ApprovalStatus = "gliofit", "UNAPPROVED"
        out.StructureSetDate = out.StructureSetTime = ""
        out.FrameOfReferenceUID, out.PositionReferenceIndicator = series.frame_uid, ""

        references = [_reference(image) for image in series.slices]
        referenced_series = _item(SeriesInstanceUID=series.series_uid, ContourImageSequence=references)
        referenced_study = _item(
            ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
            ReferencedSOPInstanceUID=str(out.StudyInstanceUID),
            RTReferencedSeriesSequence=[referenced_series],
        )
        out.ReferencedFrameOfReferenceSequence = [
            _item(FrameOfReferenceUID=series.frame_uid, RTReferencedStudySequence=[referenced_study])
        ]
        out.StructureSetROISequence, out.ROIContourSequence, out.RTROIObservationsSequence = [], [], []
        for number, (name, items) in enumerate(contours.items(), start=1):
            roi = _item(ROINumber=number, ReferencedFrameOfReferenceUID=series.frame_uid, ROIName=name)
            roi.ROIGenerationAlgorithm = "AUTOMATIC"
            contour = _item(ReferencedROINumber=number, ROIDisplayColor=list(_COLOURS[(number - 1) % len(_COLOURS)]))
            contour.ContourSequence = [_contour_item(points, image) for image, points in items]
            observation = _item(ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="CTV")
            observation.ROIInterpreter = ""
            out.StructureSetROISequence.append(roi)
            out.ROIContourSequence.append(contour)
            out.RTROIObservationsSequence.append(observation)

        out.file_meta = FileMetaDataset()
        # With explicit value representations, ContourData could not be longer than 64 kB.
        out.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        with atomic_path(path) as temporary:
            dcmwrite(temporary, out, enforce_file_format=True)


def _target_contours(
    name: str, mask: Volume, series: Series, warnings: list[InputWarning]
) -> list[tuple[Slice, NDArray[np.float64]]]:
    """Return the contours of a target, each with its image."""
    voxels = np.argwhere(mask.data)
    if not len(voxels):
        raise _error(f"'{name}' is empty", "omit --dicom", "dicom-empty-target")
    outside = np.count_nonzero(~series.contains(mask.grid.voxel_to_world(voxels) * _TO_RAS))
    problem = f"{outside} of {len(voxels)} voxels of '{name}' lie outside its images"
    if outside > _LARGEST_LOSS * len(voxels):
        hint = "give the complete source series of the patient's images, in the frame of the scanner"
        raise _error(problem, hint, "dicom-target-outside")
    if outside:
        hint = "give a series that covers the target"
        warnings.append(InputWarning(_SUBJECT, f"{problem} and have no contours", hint, "dicom-target-cut"))
    contours = [(image, points) for image in series.slices for points in mask_contours(mask, image)]
    if not contours:
        hint = "give a series with thinner slices"
        raise _error(f"'{name}' lies between its images", hint, "dicom-target-between-images")
    contours_cc = sum(_area_mm2(points) for _, points in contours) * series.spacing_mm / 1000
    mask_cc = len(voxels) * mask.grid.voxel_volume_mm3 / 1000
    if abs(contours_cc - mask_cc) > _LARGEST_VOLUME_CHANGE * mask_cc:
        problem = f"the contours of '{name}' enclose {contours_cc:.3g} cc, the target has {mask_cc:.3g} cc"
        hint = "give a series with thinner slices or smaller pixels"
        warnings.append(InputWarning(_SUBJECT, problem, hint, "dicom-volume-change"))
    return contours


def _item(**values: Any) -> Any:
    """Return an item of a sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _reference(image: Slice) -> Any:
    return _item(ReferencedSOPClassUID=image.sop_class, ReferencedSOPInstanceUID=image.instance)


def _contour_item(points: NDArray[np.float64], image: Slice) -> Any:
    """Return a closed contour with its image, and coordinates rounded to 0.001 mm."""
    return _item(
        ContourImageSequence=[_reference(image)],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
        ContourData=[f"{value:.3f}" for value in points.ravel()],
    )
