"""Interactive viewer in three planes, embedded in a self-contained page.

NiiVue draws the slices with WebGL; ``assets/viewer*.js`` is the user interface. Volumes, cropped to the brain with one
byte per voxel, and the library are embedded as compressed text and unpacked when first shown.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import canonical_grid
from gliofit.core.grid import Volume, bounding_box
from gliofit.core.io import read_like
from gliofit.figures.colours import CHANGE, DEVIATION, OPAQUE_FROM, cells_map
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.patient_record import CaseSources, MethodRecord
from gliofit.report.names import method_styles
from gliofit.report.page import Page

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

_ASSETS = files("gliofit.publish") / "assets"
#: Scripts of the viewer, in order of dependence.
_SCRIPTS = ("viewer-unpack.js", "viewer-contours.js", "viewer-panes.js", "viewer-controls.js", "viewer.js")
#: Margin around the brain in voxels.
_MARGIN = 2
#: Grey levels of an MRI; more would double its size and show only noise.
_GREYS = 63
#: Percentage of the brightest voxels of an MRI that are saturated.
_BRIGHTEST = 0.1


class Viewer:
    """Builder of a viewer; layers are shown in the order in which they are added.

    Parameters
    ----------
    brain, grid_name
        Mask of the part of the case that is shown, and name of the grid of the case's files.
    centre_mm, centre_name
        Initial point in world mm, shape (3,), and its name on the button that returns to it.
    """

    def __init__(self, brain: Volume, centre_mm: NDArray[np.float64], centre_name: str, grid_name: str) -> None:
        self.grid = brain.grid
        inside = brain.canonical().data.astype(bool)
        if not inside.any():
            inside = np.ones(inside.shape, bool)
        sides = list(zip(bounding_box(inside), inside.shape, strict=True))
        starts = [max(0, side.start - _MARGIN) for side, _ in sides]
        stops = [min(size, side.stop + _MARGIN) for side, size in sides]
        self._box = tuple(map(slice, starts, stops))
        box_grid = canonical_grid(self.grid).crop(starts, [b - a for a, b in zip(starts, stops, strict=True)])
        self._affine = box_grid.affine
        self._packed: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._layers: list[dict[str, Any]] = []
        self._colours: dict[str, dict[str, Any]] = {}
        self._place = {
            "shape": list(box_grid.shape),
            "origin": self._affine[:3, 3].tolist(),
            "spacing": list(box_grid.spacing_mm),
            "voxelFromMm": np.linalg.inv(self.grid.affine)[:3].tolist(),
            "gridName": grid_name,
            "centre": [float(value) for value in centre_mm],
            "centreName": centre_name,
        }

    def image(self, name: str, data: NDArray[Any]) -> None:
        """Add an MRI on the case's grid as background; the first one is shown initially."""
        values, window = _quantise_image(self._cut(data))
        self._add("image", name, "Background", values, range=window)

    def grey(self, name: str, data: NDArray[Any]) -> None:
        """Add a background of values from 0 to 1."""
        self._add("image", name, "Background", _quantise(self._cut(data), 0, 1), range=[0.0, 1.0])

    def map(
        self, name: str, group: str, data: NDArray[Any], colours: dict[str, Any], visible: bool = False,
        line: tuple[float, str, Sequence[float]] | None = None,
    ) -> None:  # fmt: skip
        """Add a colour map over the background; ``line`` is value, colour and dashes of a contour."""
        self._colours.setdefault(colours["title"], colours)
        low, high = colours["range"]
        # With 254 steps, zero is exact in a range symmetric about it.
        values = _quantise(self._cut(data), low, high, 254 if low < 0 else 255)
        contour = None if line is None else dict(zip(("level", "colour", "dashes"), line, strict=True))
        self._add("map", name, group, values, colours=colours["title"], visible=visible, opacity=0.85, contour=contour)

    def labels(self, name: str, group: str, data: NDArray[Any], meanings: Mapping[int, tuple[str, str]]) -> None:
        """Add a label map; ``meanings`` has name and colour (#rrggbb) of each value."""
        entries = [{"value": int(value), "name": text, "colour": shade} for value, (text, shade) in meanings.items()]
        values = _Quantised(self._cut(data).astype(np.uint8))
        self._add("labels", name, group, values, labels=entries, visible=False, opacity=0.4)

    def outline(
        self, name: str, group: str, data: NDArray[Any], inside: Sequence[int], colour: str,
        dashes: Sequence[float] = (), visible: bool = False,
    ) -> None:  # fmt: skip
        """Add the border of the voxels with the label values ``inside``; outlines of one array share its volume."""
        values = _Quantised(self._cut(data).astype(np.uint8))
        look = {"inside": list(map(int, inside)), "colour": colour, "dashes": list(dashes), "visible": visible}
        self._add("outline", name, group, values, **look, opacity=1.0)

    def cells(
        self, methods: Sequence[MethodRecord], sources: CaseSources, group: str, shown: str | None = None
    ) -> dict[str, NDArray[Any]]:
        """Add the concentration of each method, or a remark if it failed.

        ``shown`` is the method shown initially. Return concentrations on the case's grid by printed name.
        """
        styles, concentrations = method_styles(method.method for method in methods), {}
        for method in methods:
            if method.status == "failed":
                self.missing(method.name, group, "failed")
                continue
            style = styles[method.method]
            concentrations[method.name] = data = read_like(sources.concentration(method.method), self.grid).data
            line = (WHOLE_THRESHOLD, style.colour, style.line[1])
            self.map(method.name, group, data, cell_colours(), visible=method.method == shown, line=line)
        return concentrations

    def missing(self, name: str, group: str, reason: str) -> None:
        """Add a remark instead of a layer."""
        self._layers.append({"id": f"layer-{len(self._layers)}", "kind": "missing", "name": name, "group": group,
                             "reason": reason})  # fmt: skip

    def add_to(self, page: Page) -> None:
        """Add the viewer to the end of a page."""
        page.style(_text("viewer.css"))
        content = {"place": self._place, "layers": self._layers, "colours": self._colours}
        parts = "\n".join(_text(name) for name in _SCRIPTS)
        scripts = [
            ("viewer-data", "application/json", json.dumps(content).replace("<", "\\u003c")),
            ("viewer-library", "application/gzip", _library()),
            *((name, "application/gzip", packed) for name, packed in self._packed.items()),
            ("viewer-program", "text/javascript", f'(() => {{\n"use strict";\n{parts}}})();\n'),
        ]
        page.raw("viewer.html", licence=_text("niivue-LICENSE.txt"), scripts=scripts)

    def _cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Cut the shown part from an array on the case's grid."""
        return Volume(data, self.grid).canonical().data[self._box]

    def _add(self, kind: str, name: str, group: str, values: _Quantised, **more: Any) -> None:
        """Add a layer; equal values are packed once."""
        packed = self._pack(values)
        digest = hashlib.sha256(packed.encode()).hexdigest()
        volume = self._names.setdefault(digest, f"viewer-volume-{len(self._names)}")
        self._packed[volume] = packed
        self._layers.append(
            {"id": f"layer-{len(self._layers)}", "kind": kind, "name": name, "group": group, "volume": volume,
             "slope": values.slope, "intercept": values.intercept} | more
        )  # fmt: skip

    def _pack(self, values: _Quantised) -> str:
        """Encode values as a compressed NIfTI-1 file in base64, reproducible to the byte."""
        import nibabel as nib

        header = nib.Nifti1Header(endianness="<")
        header.set_data_shape(values.raw.shape)
        header.set_data_dtype(np.uint8)
        header.set_xyzt_units("mm")
        header.set_sform(self._affine, code=1)
        header.set_qform(self._affine, code=1)
        header["magic"], header["vox_offset"] = b"n+1", 352
        header["scl_slope"], header["scl_inter"] = values.slope, values.intercept
        # Four zero bytes: the header has no extension.
        return _compress(header.binaryblock + bytes(4) + values.raw.tobytes(order="F"))


@dataclass(frozen=True, eq=False)
class _Quantised:
    """Values stored in one byte each: ``intercept + slope * raw``."""

    raw: NDArray[np.uint8]
    slope: float = 1.0
    intercept: float = 0.0


def _quantise(data: NDArray[Any], low: float, high: float, steps: int = 255) -> _Quantised:
    """Quantise values, clipped to a range."""
    slope = (high - low) / steps
    return _Quantised(np.rint((np.clip(data, low, high) - low) / slope).astype(np.uint8), slope, low)


def _quantise_image(data: NDArray[Any]) -> tuple[_Quantised, list[float]]:
    """Quantise an MRI up to its 99.9th percentile, and return its window; percentiles are of non-zero voxels."""
    inside = data[data != 0]
    if inside.size == 0:
        return _Quantised(np.zeros(data.shape, np.uint8)), [0.0, 1.0]
    low, high = min(0.0, float(inside.min())), float(np.percentile(inside, 100 - _BRIGHTEST))
    first, last = (float(value) for value in np.percentile(inside, [1, 99.5]))
    # The background is darker than the darkest tissue, as in ``grey_values``.
    window = [first - 0.1 * (last - first), last if last > first else first + 1]
    return _quantise(data, low, high if high > low else low + 1, _GREYS), window


def _colours(colours: Colormap, title: str, symbol: str, low: float, high: float, fade: float) -> dict[str, Any]:
    """Return a colour map for the viewer; absolute values below ``fade`` become transparent."""
    # The viewer interpolates between 65 colours.
    shades = np.rint(255 * colours(np.linspace(0, 1, 65))[:, :3]).astype(int)
    letters = {letter: column.tolist() for letter, column in zip("RGB", shades.T, strict=True)}
    return {"title": title, "symbol": symbol, "range": [low, high], "fade": fade} | letters


def cell_colours() -> dict[str, Any]:
    """Return the map of the tumour-cell concentration, transparent at low values."""
    return _colours(cells_map(), "tumour-cell concentration c", "c", 0.0, 1.0, fade=OPAQUE_FROM)


def deviation_colours(most: float) -> dict[str, Any]:
    """Return the map of the standard deviation of the concentration, from 0 to ``most``."""
    from matplotlib import colormaps

    return _colours(colormaps[DEVIATION], "standard deviation of c", "SD of c", 0.0, most, fade=0.05 * most)


def difference_colours(most: float) -> dict[str, Any]:
    """Return the map of estimate minus truth, from ``-most`` (blue) to ``most`` (red)."""
    from matplotlib import colormaps

    return _colours(colormaps[CHANGE], "estimate − truth", "Δc", -most, most, fade=0.2 * most)


@cache
def _library() -> str:
    return _compress((_ASSETS / "niivue.umd.js").read_bytes())


def _compress(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def _text(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
