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
    centre: tuple[float, float, float] = CENTRE,
) -> Images:
    """Make images around a point; ``directions`` has the steps along a row, down a column and across as columns."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    steps = (np.eye(3) if directions is None else directions) * spacing
    origin = np.array(centre) - steps @ ((np.array(shape) - 1) / 2)
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
    """A series that is refused; ``make`` writes it into a folder that does not exist yet, for a ``target``."""

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


def _kind(
    name: str, code: str, make: Callable[[Path], None], target: Volume | None = None, *, says: str = "DICOM series"
) -> DicomKind:
    return DicomKind(name, says, make, target, code=f"dicom-{code}")


def _lacking(keyword: str, name: str) -> DicomKind:
    return _kind(f"series without {name}", "missing-attribute", each(**{keyword: None}), says=keyword)


DICOM_KINDS = [
    _kind("folder of a series that is not there", "folder-not-found", lambda folder: None),
    _kind("folder without images", "no-images", _nothing),
    _kind("image cut in its header", "damaged-file", added(_cut(0.1))),
    _kind("image cut in its pixels", "damaged-file", added(_cut(0.8))),
    _kind("empty file among images", "damaged-file", added(_cut(0))),
    _kind("image that was not fetched", "damaged-file", added(_links)),
    _kind("images of two patients", "several-patients", each(PatientID="4711-0816")),
    _kind("images of two studies", "several-studies", each(StudyInstanceUID="1.2.9")),
    _kind("images of two series", "several-series", each(SeriesInstanceUID="1.2.9")),
    _kind("images of two frames of reference", "several-frames-of-reference", each(FrameOfReferenceUID="1.2.9")),
    _kind("enhanced image", "multi-frame", changed(_enhanced)),
    _kind("images with several frames", "multi-frame", each(NumberOfFrames=2)),
    _kind("mosaic images", "multi-frame", each(ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])),
    _lacking("FrameOfReferenceUID", "frame of reference"),
    _lacking("SeriesInstanceUID", "identifier"),
    _lacking("StudyInstanceUID", "identifier of the study"),
    _lacking("SOPInstanceUID", "identifiers of the images"),
    _lacking("ImagePositionPatient", "positions"),
    _lacking("ImageOrientationPatient", "orientation"),
    _lacking("PixelSpacing", "pixel spacing"),
    _lacking("Rows", "number of rows"),
    _kind(
        "position of two numbers", "invalid-attribute", each(ImagePositionPatient=[1, 2]), says="ImagePositionPatient"
    ),
    _kind(
        "orientation whose axes are not perpendicular",
        "invalid-attribute",
        each(ImageOrientationPatient=[1, 0, 0, 0.1, 0.99, 0]),
        says="ImageOrientationPatient",
    ),
    _kind("pixel spacing of zero", "invalid-attribute", each(PixelSpacing=[0, 0]), says="PixelSpacing"),
    _kind("localiser in the series", "several-orientations", changed(_localiser)),
    _kind("several matrix sizes", "several-matrix-sizes", changed(_larger)),
    _kind("several pixel spacings", "several-pixel-spacings", each(PixelSpacing=[1, 1])),
    _kind("two echoes in one series", "same-plane", again(EchoTime="160"), says="EchoTime"),
    _kind(
        "two time points in one series",
        "same-plane",
        again(TemporalPositionIdentifier=2),
        says="TemporalPositionIdentifier",
    ),
    _kind(
        "two diffusion weightings in one series", "same-plane", again(DiffusionBValue=1000.0), says="DiffusionBValue"
    ),
    _kind("one image acquired twice", "same-plane", again(7)),
    _kind("different images with one identifier", "same-identifier", changed(_same_identifier)),
    _kind("series of one image", "single-image", changed(lambda images: images.__delitem__(slice(1, None)))),
    _kind(
        "images missing between the others",
        "missing-images",
        changed(lambda images: [images.pop(index) for index in (12, 8, 7)]),
    ),
    _kind("images that are not evenly spaced", "uneven-spacing", moved(8, 2, 0.8)),
    _kind("image shifted in its plane", "shifted-images", moved(8, 0, 5.0)),
    _kind(
        "last images missing where the target is",
        "target-outside",
        changed(lambda images: images.__delitem__(slice(11, None))),
    ),
    _kind("target in another frame", "target-outside", added(lambda folder: None), target("ball", (0, 0, 22))),
    _kind(
        "target between two images",
        "target-between-images",
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
