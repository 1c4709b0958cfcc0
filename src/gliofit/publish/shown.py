"""Pictures embedded in pages, scaled down."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED
from gliofit.report.table import Picture

if TYPE_CHECKING:
    from PIL import Image

#: Quality of WebP, 0 to 100: text stays sharp at a fifth of the size of PNG.
_QUALITY = 80


def show_file(path: str | Path, text: str, width: int, caption: str = "", link: str = "") -> Picture:
    """Read a PNG file.

    Parameters
    ----------
    path
        The file.
    text, caption, link
        See ``Picture``.
    width
        Largest width in pixels; a wider picture is scaled down.

    Raises
    ------
    InputError
        If the file is missing or is not a picture.
    """
    from PIL.Image import Resampling

    flat = _read(path)
    if flat.width > width:
        flat = flat.resize((width, round(flat.height * width / flat.width)), Resampling.LANCZOS)
    return show_pixels(flat, text, caption, link)


def show_pixels(image: Image.Image, text: str, caption: str = "", link: str = "") -> Picture:
    """Embed a picture in memory as PNG, reproducible to the byte."""
    return Picture(_address(image, "png", optimize=True), text, image.size, caption, link)


def page_picture(png: str | Path) -> str:
    """Return a picture file as ``data:`` URL in WebP; raise InputError if it is missing or not a picture."""
    return _address(_read(png), "webp", quality=_QUALITY)


def _address(image: Image.Image, kind: str, **options: Any) -> str:
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _read(path: str | Path) -> Image.Image:
    """Remove transparency (on white), which makes files smaller."""
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
