"""Pictures within a page."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED

__all__ = ["page_picture"]

#: Of WebP, 0 to 100; text stays sharp, and the picture takes a fifth of the PNG's bytes.
_QUALITY = 80


def page_picture(png: str | Path) -> str:
    """A picture as ``data:`` address in WebP; the PNG stays what it is.

    Raises
    ------
    InputError
        If the file is missing or no picture.
    """
    from PIL import Image, UnidentifiedImageError

    path = Path(png)
    if not path.is_file():
        raise InputError(path, "file not found", "check the path")
    content = BytesIO()
    try:
        with Image.open(path) as picture:
            picture.convert("RGB").save(content, "WEBP", quality=_QUALITY)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(path, "not a readable picture", DAMAGED) from error
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode("ascii")
