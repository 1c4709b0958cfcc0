"""DICOM series that are not one regular stack: a maker of small series, and what is done to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

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
    position = grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) * [-1, -1, 1] - CENTRE - shift_mm

    def ball(centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
        return np.linalg.norm(position - np.array(centre) * size, axis=-1) <= radius * size

    mask = ball((-3, 0, 0), 16)
    if shape == "odd":
        mask = mask & ~ball((-5, 1, 2), 8) | ball((-5, 1, 2), 3.5) | ball((21, 5, -4), 6)
    return Volume(mask, grid)


#: Writes a series into a folder that does not exist yet; it may return the mask of another target than ``target()``.
Make = Callable[[Path], object]


def stack(**geometry: Any) -> Make:
    """Return a maker of a series with another geometry (see ``make_images``)."""
    return lambda folder: write_images(folder, make_images(**geometry))


def changed(change: Callable[[Images], object]) -> Make:
    """Return a maker of a series whose images are changed before they are written."""

    def make(folder: Path) -> None:
        images = make_images()
        change(images)
        write_images(folder, images)

    return make


def each(first: int = 10, end: int | None = None, **values: Any) -> Make:
    """Return a maker of a series of which some images have other values; None deletes the attribute."""

    def change(images: Images) -> None:
        for image in images[first:end]:
            for keyword, value in values.items():
                if value is None:
                    delattr(image, keyword)
                else:
                    setattr(image, keyword, value)

    return changed(change)


def again(*indices: int, **values: Any) -> Make:
    """Return a maker of a series that has some images (all by default) a second time, with other values."""

    def change(images: Images) -> None:
        for index in indices or range(len(images)):
            image = deepcopy(images[index])
            image.SOPInstanceUID += ".2"
            for keyword, value in values.items():
                setattr(image, keyword, value)
            images.append(image)

    return changed(change)


def lacking(*indices: int) -> Make:
    """Return a maker of a series without some images."""
    return changed(lambda images: [images.pop(index) for index in sorted(indices, reverse=True)])


def moved(index: int, axis: int, by_mm: float) -> Make:
    """Return a maker of a series with one image moved."""

    def change(images: Images) -> None:
        images[index].ImagePositionPatient[axis] += by_mm

    return changed(change)


def added(make: Callable[[Path], object]) -> Make:
    """Return a maker of a good series to which files are added or changed."""

    def make_both(folder: Path) -> object:
        write_images(folder, make_images())
        return make(folder)

    return make_both


def _cut(share: float) -> Make:
    """Return a maker of a series with a file that is cut to a share of its size."""

    def make(folder: Path) -> None:
        path = folder / "image-004.dcm"
        os.truncate(path, int(share * path.stat().st_size))

    return added(make)


def _enhanced(images: Images) -> None:
    del images[1:]
    images[0].SOPClassUID, images[0].NumberOfFrames = ENHANCED_CLASS, 16
    del images[0].ImagePositionPatient, images[0].ImageOrientationPatient, images[0].PixelSpacing


def _nothing(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("no images here\n")


def _links(folder: Path) -> None:
    (folder / "image-016.dcm").symlink_to(folder / "gone")


def _thick(folder: Path) -> Volume:
    stack(shape=(44, 40, 6), spacing=(2, 2, 10))(folder)
    return target("ball", size=0.1)


_SAGITTAL, _LARGER = [0, 1, 0, 0, 0, -1], bytes(2 * 44 * 80)
_MOSAIC = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]


def _missing(keyword: str, name: str) -> Kind:
    return Kind(f"series without {name}", "dicom-missing-attribute", keyword, each(**{keyword: None}))


def _invalid(name: str, keyword: str, value: list[float]) -> Kind:
    return Kind(name, "dicom-invalid-attribute", keyword, each(**{keyword: value}))


#: What most errors name.
_S = "DICOM series"
DICOM_KINDS = [
    Kind("folder of a series that is not there", "dicom-folder-not-found", _S, lambda folder: None),
    Kind("folder without images", "dicom-no-images", _S, _nothing),
    Kind("image cut in its header", "dicom-damaged-file", _S, _cut(0.1)),
    Kind("image cut in its pixels", "dicom-damaged-file", _S, _cut(0.8)),
    Kind("empty file among images", "dicom-damaged-file", _S, _cut(0)),
    Kind("image that was not fetched", "dicom-damaged-file", _S, added(_links)),
    Kind("images of two patients", "dicom-several-patients", _S, each(PatientID="4711-0816")),
    Kind("images of two studies", "dicom-several-studies", _S, each(StudyInstanceUID="1.2.9")),
    Kind("images of two series", "dicom-several-series", _S, each(SeriesInstanceUID="1.2.9")),
    Kind("images of two frames of reference", "dicom-several-frames-of-reference", _S,
         each(FrameOfReferenceUID="1.2.9")),
    Kind("enhanced image", "dicom-multi-frame", _S, changed(_enhanced)),
    Kind("images with several frames", "dicom-multi-frame", _S, each(NumberOfFrames=2)),
    Kind("mosaic images", "dicom-multi-frame", _S, each(ImageType=_MOSAIC)),
    _missing("FrameOfReferenceUID", "frame of reference"),
    _missing("SeriesInstanceUID", "identifier"),
    _missing("StudyInstanceUID", "identifier of the study"),
    _missing("SOPInstanceUID", "identifiers of the images"),
    _missing("ImagePositionPatient", "positions"),
    _missing("ImageOrientationPatient", "orientation"),
    _missing("PixelSpacing", "pixel spacing"),
    _missing("Rows", "number of rows"),
    _invalid("position of two numbers", "ImagePositionPatient", [1, 2]),
    _invalid("orientation whose axes are not perpendicular", "ImageOrientationPatient", [1, 0, 0, 0.1, 0.99, 0]),
    _invalid("pixel spacing of zero", "PixelSpacing", [0, 0]),
    Kind("localiser in the series", "dicom-several-orientations", _S, each(3, 4, ImageOrientationPatient=_SAGITTAL)),
    Kind("several matrix sizes", "dicom-several-matrix-sizes", _S, each(3, 4, Rows=80, PixelData=_LARGER)),
    Kind("several pixel spacings", "dicom-several-pixel-spacings", _S, each(PixelSpacing=[1, 1])),
    Kind("two echoes in one series", "dicom-same-plane", "EchoTime", again(EchoTime="160")),
    Kind("two time points in one series", "dicom-same-plane", "TemporalPositionIdentifier",
         again(TemporalPositionIdentifier=2)),
    Kind("two diffusion weightings in one series", "dicom-same-plane", "DiffusionBValue",
         again(DiffusionBValue=1000.0)),
    Kind("one image acquired twice", "dicom-same-plane", _S, again(7)),
    Kind("different images with one identifier", "dicom-same-identifier", _S, each(7, 8, SOPInstanceUID="1.2.4.7")),
    Kind("series of one image", "dicom-single-image", _S, lacking(*range(1, 16))),
    Kind("images missing between the others", "dicom-missing-images", _S, lacking(7, 8, 12)),
    Kind("images that are not evenly spaced", "dicom-uneven-spacing", _S, moved(8, 2, 0.8)),
    Kind("image shifted in its plane", "dicom-shifted-images", _S, moved(8, 0, 5.0)),
    Kind("last images missing where the target is", "dicom-target-outside", _S, lacking(*range(11, 16))),
    Kind("target in another frame", "dicom-target-outside", _S,
         added(lambda folder: target("ball", (0, 0, 22)))),
    Kind("target between two images", "dicom-target-between-images", _S, _thick),
]  # fmt: skip


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


def _bare(folder: Path) -> None:
    """Data sets without preamble and file meta information, as old scanners wrote them."""
    from pydicom import dcmwrite

    folder.mkdir()
    for number, image in enumerate(make_images()):
        del image.file_meta
        dcmwrite(folder / f"{number}", image, implicit_vr=True, little_endian=True)


def _written_as(syntax: str, compress: bool = False) -> Make:
    def change(images: Images) -> None:
        from pydicom.encaps import encapsulate

        for image in images:
            image.file_meta.TransferSyntaxUID = syntax
            if compress:
                image.PixelData = encapsulate([b"\xff\x4f" + bytes(500)])
                image["PixelData"].is_undefined_length = True

    return changed(change)


def _rounded(images: Images) -> None:
    """Positions as scanners round them."""
    for image in images:
        image.ImagePositionPatient = [f"{float(value):.1f}" for value in image.ImagePositionPatient]


_OBLIQUE = Rotation.from_euler("xz", (20, -9), degrees=True).as_matrix()
_TILTED = np.array([[1.0, 0, 0], [0, 1, 0.4], [0, 0, 1]])

#: Series that are read, by what is unusual about them, and the masks of targets.
VALID: dict[str, tuple[Make, Volume]] = {
    "plain": (stack(), target()),
    "images in another order": (changed(lambda images: images.reverse()), target()),
    "axes reversed": (stack(directions=np.diag([-1.0, -1, 1])), target()),
    "images from head to foot": (stack(directions=np.diag([1.0, 1, -1])), target()),
    "sagittal": (stack(directions=np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]), shape=(40, 40, 24)), target()),
    "oblique by 20 degrees": (stack(directions=_OBLIQUE, shape=(48, 44, 20)), target()),
    "gantry tilt": (stack(directions=_TILTED), target("ball")),
    "gantry tilt, target where the first image does not reach": (
        stack(directions=_TILTED, spacing=(1, 1, 2.5), shape=(60, 48, 16)), target("ball", (0, 15, 8), 0.7)
    ),
    "oblong pixels": (stack(spacing=(1.6, 2.2, 2.5), shape=(52, 36, 16)), target()),
    "slices of 5 mm": (stack(spacing=(2, 2, 5), shape=(44, 40, 12)), target("ball")),
    "thickness above the spacing": (each(0, SliceThickness="5"), target()),
    "thickness below the spacing": (each(0, SliceThickness="1", SpacingBetweenSlices="1"), target()),
    "no thickness, no instance numbers": (each(0, SliceThickness=None, InstanceNumber=None), target()),
    "positions rounded to 0.1 mm": (changed(_rounded), target()),
    "image off by 0.1 mm": (moved(8, 2, 0.1), target()),
    "no pixels": (each(0, PixelData=None), target()),
    "JPEG 2000": (_written_as("1.2.840.10008.1.2.4.90", compress=True), target()),
    "deflated": (_written_as("1.2.840.10008.1.2.1.99"), target()),
    "implicit": (_written_as("1.2.840.10008.1.2"), target()),
    "bare data sets": (_bare, target()),
    "other objects in the folder": (added(add_other_objects), target()),
}  # fmt: skip
