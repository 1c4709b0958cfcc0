"""Pictures as pages hold them: scaled down and written into the page itself."""

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

__all__ = ["page_picture", "show_file", "show_pixels"]

#: Quality of WebP, 0 to 100: text stays sharp, and the picture takes a fifth of the PNG's bytes.
_QUALITY = 80


def show_file(path: str | Path, text: str, width: int, caption: str = "", link: str = "") -> Picture:
    """Read a PNG file.

    Parameters
    ----------
    path
        The file.
    text, caption, link
        As those of ``Picture``.
    width
        Largest width in pixels; a wider picture is scaled down.

    Raises
    ------
    InputError
        If the file is missing or not a picture.
    """
    from PIL.Image import Resampling

    flat = _read(path)
    if flat.width > width:
        flat = flat.resize((width, round(flat.height * width / flat.width)), Resampling.LANCZOS)
    return show_pixels(flat, text, caption, link)


def show_pixels(image: Image.Image, text: str, caption: str = "", link: str = "") -> Picture:
    """A picture in memory, as PNG; the same picture gives the same bytes."""
    return Picture(_address(image, "png", optimize=True), text, image.size, caption, link)


def page_picture(png: str | Path) -> str:
    """A picture file as ``data:`` address in WebP; raises InputError if it is missing or not a picture."""
    return _address(_read(png), "webp", quality=_QUALITY)


def _address(image: Image.Image, kind: str, **options: Any) -> str:
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _read(path: str | Path) -> Image.Image:
    """Pixels without transparency, which makes files smaller; figures have a white ground."""
    from PIL import Image

    if not Path(path).is_file():
        raise InputError(path, "file not found", "run the stage that makes it")
    try:
        with Image.open(path) as image:
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    except OSError as error:
        raise InputError(path, "is not a readable picture", DAMAGED) from error
    return flat
