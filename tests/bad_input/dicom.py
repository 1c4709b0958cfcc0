"""DICOM series that are not one regular stack: a maker of small series, and what is done to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume

from .kind import Kind

#: Columns, rows and images of the series; mm between neighbours; middle of the stack in the patient frame, mm.
SHAPE, SPACING, CENTRE = (44, 40, 16), (2.0, 2.0, 2.5), (12.0, -30.0, 55.0)

MR_CLASS, ENHANCED_CLASS = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"

Images = list[Any]
Float = NDArray[np.float64]


def make_images(
    shape: tuple[int, int, int] = SHAPE,
    spacing: tuple[float, float, float] = SPACING,
    directions: Float | None = None,
    uid: str = "1.2.4",
) -> Images:
    """Make images around ``CENTRE``; ``directions`` has the steps along a row, down a column and across as columns."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    steps = (np.eye(3) if directions is None else directions) * spacing
    origin = np.array(CENTRE) - steps @ ((np.array(shape) - 1) / 2)
    images = []
    for index in range(shape[2]):
        image = Dataset()
        image.ImageType = ["ORIGINAL", "PRIMARY"]
        image.SOPClassUID, image.SOPInstanceUID = MR_CLASS, f"{uid}.{index + 1}"
        image.PatientName, image.PatientID, image.PatientBirthDate = "Mueller^Erika", "4711-0815", "19501224"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = "1.2.3", uid, "1.2.5"
        image.Modality, image.Rows, image.Columns = "MR", shape[1], shape[0]
        image.EchoTime, image.InstanceNumber, image.SliceThickness = "80", index + 1, f"{spacing[2]:g}"
        image.PixelSpacing = [f"{spacing[1]:g}", f"{spacing[0]:g}"]
        image.ImageOrientationPatient = [f"{value:.9f}" for value in (steps[:, :2] / spacing[:2]).T.ravel()]
        image.ImagePositionPatient = [f"{value:.6f}" for value in origin + steps[:, 2] * index]
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = bytes(2 * shape[0] * shape[1])
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        images.append(image)
    return images


def write_images(folder: Path, images: Sequence[Any], name: str = "image") -> None:
    """Write images into a folder, numbered in the order of the list."""
    from pydicom import dcmwrite

    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        image.file_meta.MediaStorageSOPClassUID = image.get("SOPClassUID", MR_CLASS)
        image.file_meta.MediaStorageSOPInstanceUID = image.get("SOPInstanceUID", "1.2.9")
        dcmwrite(folder / f"{name}-{number:03d}.dcm", image, enforce_file_format=True)


def target(shape: str = "odd", shift_mm: tuple[float, float, float] = (0, 0, 0), size: float = 1.0) -> Volume:
    """Make a mask of 1.5 mm around ``CENTRE``, moved by a shift in the patient frame.

    ``odd`` is a ball with a hole, an island in the hole, and a smaller ball beside it; ``ball`` one ball.
    """
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = np.array(CENTRE) * [-1, -1, 1] - 1.5 * 24.5
    grid = Grid((50, 50, 50), affine)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    position = grid.voxel_to_world(index) * [-1, -1, 1] - CENTRE - np.array(shift_mm)

    def ball(centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
        return np.linalg.norm(position - np.array(centre) * size, axis=-1) <= radius * size

    mask = ball((-3, 0, 0), 16)
    if shape == "odd":
        mask = mask & ~ball((-5, 1, 2), 8) | ball((-5, 1, 2), 3.5) | ball((21, 5, -4), 6)
    return Volume(mask, grid)


@dataclass(frozen=True)
class DicomKind(Kind):
    """A series that is refused; ``make`` writes it into a folder that does not exist yet.

    Parameters
    ----------
    code
        Code of the error.
    make
        Writes the series.
    target
        The target that is drawn on it.
    """

    code: str
    make: Callable[[Path], None]
    target: Volume | None = None


def changed(change: Callable[[Images], object]) -> Callable[[Path], None]:
    """Return a maker of a series whose images are changed before they are written."""

    def make(folder: Path) -> None:
        images = make_images()
        change(images)
        write_images(folder, images)

    return make


def each(**values: Any) -> Callable[[Path], None]:
    """Return a maker of a series whose images from the tenth on have other values; None deletes the attribute."""

    def change(images: Images) -> None:
        for image in images[10:]:
            for keyword, value in values.items():
                if value is None:
                    delattr(image, keyword)
                else:
                    setattr(image, keyword, value)

    return changed(change)


def again(*indices: int, **values: Any) -> Callable[[Path], None]:
    """Return a maker of a series that has some images (all by default) a second time, with other values."""

    def change(images: Images) -> None:
        for index in indices or range(len(images)):
            image = deepcopy(images[index])
            image.SOPInstanceUID += ".2"
            for keyword, value in values.items():
                setattr(image, keyword, value)
            images.append(image)

    return changed(change)


def moved(index: int, axis: int, by_mm: float) -> Callable[[Path], None]:
    """Return a maker of a series with one image moved."""

    def change(images: Images) -> None:
        position = [float(value) for value in images[index].ImagePositionPatient]
        position[axis] += by_mm
        images[index].ImagePositionPatient = position

    return changed(change)


def added(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a maker of a good series to which files are added or changed."""

    def make_both(folder: Path) -> None:
        write_images(folder, make_images())
        make(folder)

    return make_both


def _cut(share: float) -> Callable[[Path], None]:
    """Return a function that cuts a file of a series to a share of its size."""

    def make(folder: Path) -> None:
        path = folder / "image-004.dcm"
        os.truncate(path, int(share * path.stat().st_size))

    return make


def _enhanced(images: Images) -> None:
    del images[1:]
    images[0].SOPClassUID, images[0].NumberOfFrames = ENHANCED_CLASS, 16
    del images[0].ImagePositionPatient, images[0].ImageOrientationPatient, images[0].PixelSpacing


def _localiser(images: Images) -> None:
    images[3].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def _nothing(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("no images here\n")


def _larger(images: Images) -> None:
    images[3].Rows, images[3].PixelData = 80, bytes(2 * 44 * 80)


def _same_identifier(images: Images) -> None:
    images[7].SOPInstanceUID = images[6].SOPInstanceUID


def _links(folder: Path) -> None:
    (folder / "image-016.dcm").symlink_to(folder / "gone")


_AGAIN = "export the series again from the scanner or the archive"
_DAMAGED = "DICOM series: holds unreadable or incomplete files (...); copy the whole series again"
_PLANES = "; give a folder with one image per plane: one echo, one time point, one weighting"
_FRAMES = "DICOM series: holds multi-frame, enhanced or mosaic images (... of ...); export the series as single images"
_OUTSIDE = (
    "DICOM series: ... of ... voxels of '...' lie outside its images; give the whole series that the patient's images "
    "were made from, in the scanner's own frame"
)
_LACKS = f"DICOM series: holds images without {{}} (... of ...); {_AGAIN}"
_INVALID = f"DICOM series: holds images with an invalid {{}} (... of ...); {_AGAIN}"


def _several(plural: str, singular: str) -> str:
    return f"DICOM series: holds images of ... {plural}; give a folder with the images of one {singular} alone"


def _lacking(keyword: str, name: str) -> DicomKind:
    return DicomKind(
        f"series without {name}", _LACKS.format(keyword), "dicom-missing-attribute", each(**{keyword: None})
    )


DICOM_KINDS = [
    DicomKind(
        "folder of a series that is not there",
        "DICOM series: folder not found; check the path given to --dicom",
        "dicom-folder-not-found",
        lambda folder: None,
    ),
    DicomKind(
        "folder without images",
        "DICOM series: holds no images; give the folder of a series of CT, MR or PET images",
        "dicom-no-images",
        _nothing,
    ),
    DicomKind("image cut in its header", _DAMAGED, "dicom-damaged-file", added(_cut(0.1))),
    DicomKind("image cut in its pixels", _DAMAGED, "dicom-damaged-file", added(_cut(0.8))),
    DicomKind("empty file among images", _DAMAGED, "dicom-damaged-file", added(_cut(0))),
    DicomKind("image that was not fetched", _DAMAGED, "dicom-damaged-file", added(_links)),
    DicomKind(
        "images of two patients", _several("patients", "patient"), "dicom-several-patients", each(PatientID="4711-0816")
    ),
    DicomKind(
        "images of two studies", _several("studies", "study"), "dicom-several-studies", each(StudyInstanceUID="1.2.9")
    ),
    DicomKind(
        "images of two series", _several("series", "series"), "dicom-several-series", each(SeriesInstanceUID="1.2.9")
    ),
    DicomKind(
        "images of two frames of reference",
        _several("frames of reference", "frame of reference"),
        "dicom-several-frames-of-reference",
        each(FrameOfReferenceUID="1.2.9"),
    ),
    DicomKind("enhanced image", _FRAMES, "dicom-multi-frame", changed(_enhanced)),
    DicomKind("images with several frames", _FRAMES, "dicom-multi-frame", each(NumberOfFrames=2)),
    DicomKind(
        "mosaic images", _FRAMES, "dicom-multi-frame", each(ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    ),
    _lacking("FrameOfReferenceUID", "frame of reference"),
    _lacking("SeriesInstanceUID", "identifier"),
    _lacking("StudyInstanceUID", "identifier of the study"),
    _lacking("SOPInstanceUID", "identifiers of the images"),
    _lacking("ImagePositionPatient", "positions"),
    _lacking("ImageOrientationPatient", "orientation"),
    _lacking("PixelSpacing", "pixel spacing"),
    _lacking("Rows", "number of rows"),
    DicomKind(
        "position of two numbers",
        _INVALID.format("ImagePositionPatient"),
        "dicom-invalid-attribute",
        each(ImagePositionPatient=[1, 2]),
    ),
    DicomKind(
        "orientation whose axes are not perpendicular",
        _INVALID.format("ImageOrientationPatient"),
        "dicom-invalid-attribute",
        each(ImageOrientationPatient=[1, 0, 0, 0.1, 0.99, 0]),
    ),
    DicomKind(
        "pixel spacing of zero",
        _INVALID.format("PixelSpacing"),
        "dicom-invalid-attribute",
        each(PixelSpacing=[0, 0]),
    ),
    DicomKind(
        "localiser in the series",
        _several("orientations", "orientation"),
        "dicom-several-orientations",
        changed(_localiser),
    ),
    DicomKind(
        "several matrix sizes", _several("matrix sizes", "matrix size"), "dicom-several-matrix-sizes", changed(_larger)
    ),
    DicomKind(
        "several pixel spacings",
        _several("pixel spacings", "pixel spacing"),
        "dicom-several-pixel-spacings",
        each(PixelSpacing=[1, 1]),
    ),
    DicomKind(
        "two echoes in one series",
        f"DICOM series: holds 32 images in 16 planes, which differ in EchoTime{_PLANES}",
        "dicom-same-plane",
        again(EchoTime="160"),
    ),
    DicomKind(
        "two time points in one series",
        f"DICOM series: holds 32 images in 16 planes, which differ in TemporalPositionIdentifier{_PLANES}",
        "dicom-same-plane",
        again(TemporalPositionIdentifier=2),
    ),
    DicomKind(
        "two diffusion weightings in one series",
        f"DICOM series: holds 32 images in 16 planes, which differ in DiffusionBValue{_PLANES}",
        "dicom-same-plane",
        again(DiffusionBValue=1000.0),
    ),
    DicomKind(
        "one image acquired twice",
        f"DICOM series: holds 17 images in 16 planes{_PLANES}",
        "dicom-same-plane",
        again(7),
    ),
    DicomKind(
        "different images with one identifier",
        "DICOM series: holds different images with the same SOPInstanceUID; export the series again, one version of "
        "each image",
        "dicom-same-identifier",
        changed(_same_identifier),
    ),
    DicomKind(
        "series of one image",
        "DICOM series: holds a single image; give the whole series; a target needs contours in several planes",
        "dicom-single-image",
        changed(lambda images: images.__delitem__(slice(1, None))),
    ),
    DicomKind(
        "images missing between the others",
        "DICOM series: images are missing between the others (3 at a distance of 2.5 mm); copy the whole series; a "
        "target would have no contours there",
        "dicom-missing-images",
        changed(lambda images: [images.pop(index) for index in (12, 8, 7)]),
    ),
    DicomKind(
        "images that are not evenly spaced",
        "DICOM series: the distance between its images varies from ... to ... mm; give a series with evenly spaced "
        "images",
        "dicom-uneven-spacing",
        moved(8, 2, 0.8),
    ),
    DicomKind(
        "image shifted in its plane",
        "DICOM series: its images are shifted against each other within their planes; give a series whose images form "
        "one stack",
        "dicom-shifted-images",
        moved(8, 0, 5.0),
    ),
    DicomKind(
        "last images missing where the target is",
        _OUTSIDE,
        "dicom-target-outside",
        changed(lambda images: images.__delitem__(slice(11, None))),
    ),
    DicomKind(
        "target in another frame",
        _OUTSIDE,
        "dicom-target-outside",
        added(lambda folder: None),
        target("ball", (0, 0, 22)),
    ),
    DicomKind(
        "target between two images",
        "DICOM series: '...' lies between its images; give a series with thinner slices",
        "dicom-target-between-images",
        lambda folder: write_images(folder, make_images((44, 40, 6), (2, 2, 10))),
        target("ball", size=0.1),
    ),
]


def add_other_objects(folder: Path) -> None:
    """Add what is not an image to a series: a structure set, a report, a dose, a screenshot, DICOMDIR and text."""
    image = make_images()[0]
    for name, sop_class in (
        ("rtstruct", "1.2.840.10008.5.1.4.1.1.481.3"),
        ("report", "1.2.840.10008.5.1.4.1.1.88.22"),
        ("dose", "1.2.840.10008.5.1.4.1.1.481.2"),
        ("screenshot", "1.2.840.10008.5.1.4.1.1.7"),
    ):
        other = deepcopy(image)
        other.SOPClassUID, other.SOPInstanceUID, other.SeriesInstanceUID = sop_class, f"1.2.8.{len(name)}", "1.2.8"
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID"):
            delattr(other, keyword)
        if name in ("rtstruct", "report"):
            del other.Rows, other.Columns, other.PixelData
        write_images(folder, [other], name)
    index = deepcopy(image)
    index.clear()
    index.FileSetID = "SET"
    index.SOPClassUID = "1.2.840.10008.1.3.10"
    write_images(folder, [index], "index")
    shutil.move(folder / "index-000.dcm", folder / "DICOMDIR")
    (folder / "notes.txt").write_text("no image\n")
    (folder / "._image-000.dcm").write_bytes(b"\0\5\x16\7" * 30)
    (folder / "deeper").mkdir()
    shutil.move(folder / "image-002.dcm", folder / "deeper" / "image.dcm")
