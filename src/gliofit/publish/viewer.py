"""An interactive viewer in three planes, as part of a page that needs no other file and no network.

NiiVue draws the slices with WebGL; what is around it (``assets/viewer*.js``) is ours. Volumes and the library lie in
the page as compressed text and are unpacked when they are first looked at.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.io import read_like
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.patient_record import CaseSources, MethodRecord
from gliofit.publish.viewer_colours import ViewerColours, cell_colours
from gliofit.publish.viewer_volumes import Quantised, ViewerBox, quantised_image, quantised_range
from gliofit.report.names import method_styles
from gliofit.report.page import Page

__all__ = ["Viewer"]

_ASSETS = files("gliofit.publish") / "assets"
#: Parts of the viewer's own code, in the order they build on each other.
_SCRIPTS = ("viewer-unpack.js", "viewer-contours.js", "viewer-panes.js", "viewer-controls.js", "viewer.js")


class Viewer:
    """A viewer under construction: layers are shown in the order in which they are added.

    Parameters
    ----------
    box, grid_name
        Part of the case that is shown, and what to call the grid of the case's files.
    centre_mm, centre_name
        Point in world mm that is shown first, shape (3,), and what lies there; a button leads back to it.
    """

    def __init__(self, box: ViewerBox, centre_mm: NDArray[np.float64], centre_name: str, grid_name: str) -> None:
        self.box = box
        self._packed: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._layers: list[dict[str, Any]] = []
        self._colours: dict[str, dict[str, Any]] = {}
        grid = box.grid
        self._place = {
            "shape": list(grid.shape),
            "origin": grid.affine[:3, 3].tolist(),
            "spacing": list(grid.spacing_mm),
            "voxelFromMm": np.linalg.inv(box.source.affine)[:3].tolist(),
            "gridName": grid_name,
            "centre": [float(value) for value in centre_mm],
            "centreName": centre_name,
        }

    def image(self, name: str, data: NDArray[Any]) -> None:
        """A background to choose, an MRI on the case's grid; the first one is shown first."""
        values, window = quantised_image(self.box.cut(data))
        self._layer("image", name, "Background", values, range=list(window))

    def grey(self, name: str, data: NDArray[Any]) -> None:
        """A background of values from 0 to 1."""
        self._layer("image", name, "Background", quantised_range(self.box.cut(data), 0, 1), range=[0.0, 1.0])

    def map(
        self,
        name: str,
        group: str,
        data: NDArray[Any],
        colours: ViewerColours,
        visible: bool = False,
        line: tuple[float, str, Sequence[float]] | None = None,
        opacity: float = 0.85,
    ) -> None:
        """A map in colours over the background; ``line`` is the value, colour and dashes of a contour of it."""
        self._colours.setdefault(colours.title, colours.table())
        values = quantised_range(self.box.cut(data), colours.low, colours.high)
        contour = None if line is None else dict(zip(("level", "colour", "dashes"), line, strict=True))
        self._layer(
            "map", name, group, values, colours=colours.title, visible=visible, opacity=opacity, contour=contour
        )

    def labels(self, name: str, group: str, data: NDArray[Any], meanings: Mapping[int, tuple[str, str]]) -> None:
        """A map of labels; ``meanings`` has the name and the colour (#rrggbb) of each value."""
        entries = [{"value": int(value), "name": text, "colour": shade} for value, (text, shade) in meanings.items()]
        values = Quantised(self.box.cut(data).astype(np.uint8))
        self._layer("labels", name, group, values, labels=entries, visible=False, opacity=0.4)

    def outline(
        self,
        name: str,
        group: str,
        data: NDArray[Any],
        inside: Sequence[int],
        colour: str,
        dashes: Sequence[float] = (),
        visible: bool = False,
    ) -> None:
        """The border of the voxels that have one of some label values.

        Outlines of one array share its volume.
        """
        values = Quantised(self.box.cut(data).astype(np.uint8))
        self._layer(
            "outline", name, group, values, inside=[int(value) for value in inside], colour=colour,
            dashes=list(dashes), visible=visible, opacity=1.0,
        )  # fmt: skip

    def cells(
        self, methods: Sequence[MethodRecord], sources: CaseSources, group: str, shown: str | None = None
    ) -> dict[str, NDArray[Any]]:
        """Add a map of tumour cells by each method, and a line in place of those that failed.

        ``shown`` is the method that is shown at first. Returns concentrations on the case's grid by printed name.
        """
        styles, found = method_styles(method.method for method in methods), {}
        for method in methods:
            if method.status == "failed":
                self.missing(method.name, group, "failed")
                continue
            style = styles[method.method]
            found[method.name] = data = read_like(sources.concentration(method.method), self.box.source).data
            line = (WHOLE_THRESHOLD, style.colour, style.line[1])
            self.map(method.name, group, data, cell_colours(), visible=method.method == shown, line=line)
        return found

    def missing(self, name: str, group: str, reason: str) -> None:
        """A line in place of a layer that there is none of."""
        self._layers.append({"id": f"layer-{len(self._layers)}", "kind": "missing", "name": name, "group": group,
                             "reason": reason})  # fmt: skip

    def add_to(self, page: Page) -> None:
        """Add the viewer to the end of a page, with everything it needs."""
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

    def _layer(self, kind: str, name: str, group: str, values: Quantised, **more: Any) -> None:
        """Add a layer; the same values are packed once."""
        packed = self.box.pack(values)
        digest = hashlib.sha256(packed.encode()).hexdigest()
        volume = self._names.setdefault(digest, f"viewer-volume-{len(self._names)}")
        self._packed[volume] = packed
        self._layers.append(
            {"id": f"layer-{len(self._layers)}", "kind": kind, "name": name, "group": group, "volume": volume,
             "slope": values.slope, "intercept": values.intercept} | more
        )  # fmt: skip


@cache
def _library() -> str:
    """NiiVue, compressed."""
    packed = gzip.compress((_ASSETS / "niivue.umd.js").read_bytes(), 9, mtime=0)
    return base64.b64encode(packed).decode("ascii")


def _text(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
