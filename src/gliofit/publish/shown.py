"""Pictures of a run as pages hold them: scaled down and written into the page itself."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED
from gliofit.report.table import Picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["show_file", "show_pixels"]


def show_file(path: str | Path, text: str, width: int, caption: str = "", link: str = "") -> Picture:
    """Read a PNG file.

    Parameters
    ----------
    path
        The file.
    text, caption, link
        As those of ``Picture``.
    width
        Pixels that the picture may be wide; a wider one is scaled down.

    Raises
    ------
    InputError
        If there is no such file, or it is no picture.
    """
    from PIL import Image

    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file not found", "run the stage that makes it")
    try:
        with Image.open(path) as image:
            # Figures have a white ground; without transparency they are smaller.
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    except OSError as error:
        raise InputError(path, "is no picture", DAMAGED) from error
    if flat.width > width:
        flat = flat.resize((width, round(flat.height * width / flat.width)), Image.Resampling.LANCZOS)
    return show_pixels(flat, text, caption, link)


def show_pixels(image: Image.Image, text: str, caption: str = "", link: str = "") -> Picture:
    """A picture in memory, as PNG; the same picture gives the same bytes."""
    stream = BytesIO()
    image.save(stream, format="PNG", optimize=True)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{data}", text, image.size, caption, link)
