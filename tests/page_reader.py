"""Reader of HTML pages for tests."""

from __future__ import annotations

import base64
import gzip
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray


class PageReader(HTMLParser):
    """Elements, texts and scripts (by id) of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.texts: list[str] = []
        self.scripts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.scripts[self.tags[-1][1].get("id", self.cdata_elem)] = data
        else:
            self.texts.append(data)

    def attributes(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def volume(self, layer: dict[str, Any], folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values and affine of a layer of the viewer, read by nibabel."""
        path = folder / "layer.nii"
        path.write_bytes(gzip.decompress(base64.b64decode(self.scripts[layer["volume"]])))
        image = nib.load(path)
        return image.get_fdata(), image.affine
