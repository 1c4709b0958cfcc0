"""Pictures embedded in pages: files, scaled down, and small pictures of patients."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED
from gliofit.figures.colours import MODEL, WHOLE, cells_map, cells_opacity
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.slices import AXIAL, Anatomy
from gliofit.report.table import Picture

if TYPE_CHECKING:
    from PIL import Image

#: Quality of WebP, 0 to 100: text stays sharp at a fifth of the size of PNG.
_QUALITY = 80

#: Height of the small picture of a patient in pixels; pages show half of it, for high-density screens.
_HEIGHT = 220


def show_file(path: str | Path, text: str, width: int, caption: str = "", link: str = "") -> Picture:
    """Embed a PNG file, at most ``width`` pixels wide.

    Raises
    ------
    InputError
        If the file is missing or is not a picture.
    """
    from PIL.Image import Resampling

    image = _read(path)
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Resampling.LANCZOS)
    return Picture(_data_url(image, "png", optimize=True), text, image.size, caption, link)


def page_picture(png: str | Path) -> str:
    """Return a picture file as ``data:`` URL in WebP; raise InputError if it is missing or not a picture."""
    return _data_url(_read(png), "webp", quality=_QUALITY)


def show_patient(case: str, case_dir: Path, concentration: Path) -> Picture:
    """Draw the axial slice of a patient with concentration and outlines.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient, or the segmentation contains no tumour.
    """
    from matplotlib.colors import to_rgb
    from PIL import Image
    from scipy.ndimage import binary_erosion

    anatomy = Anatomy.load(case_dir)
    slices = anatomy.slices
    across, up = slices.size_mm(AXIAL)
    size = round(_HEIGHT * across / up), _HEIGHT

    def enlarge(values: np.ndarray) -> np.ndarray:
        # Rows of pictures are ordered downwards.
        image = Image.fromarray(np.ascontiguousarray(values[::-1], dtype=np.float32))
        return np.clip(np.asarray(image.resize(size, Image.Resampling.BILINEAR)), 0, 1)

    grey = enlarge(slices.read_image(case_dir / "t1.nii.gz")[AXIAL.name])
    cells = enlarge(slices.read(concentration)[AXIAL.name])
    whole = enlarge(slices.cut(anatomy.whole.data)[AXIAL.name]) > 0.5
    opacity = cells_opacity(cells)[..., None]
    pixels = (1 - opacity) * 255 * grey[..., None] + opacity * (255 * cells_map()(cells)[..., :3])
    for region, colour in ((whole, WHOLE), (cells > WHOLE_THRESHOLD, MODEL)):
        pixels[region & ~binary_erosion(region)] = 255 * np.array(to_rgb(colour))
    image = Image.fromarray(np.rint(pixels).astype(np.uint8), "RGB")
    text = f"Axial slice of {case} through the tumour, with tumour cells and segmentation"
    return Picture(_data_url(image, "png", optimize=True), text, (image.width // 2, image.height // 2))


def _data_url(image: Image.Image, kind: str, **options: Any) -> str:
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _read(path: str | Path) -> Image.Image:
    """Read a picture without transparency (on white), which makes files smaller."""
    from PIL import Image

    if not Path(path).is_file():
        raise InputError(path, "file not found", "run the stage that writes it")
    try:
        with Image.open(path) as image:
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    except OSError as error:
        raise InputError(path, "cannot be read as a picture", DAMAGED) from error
    return flat
