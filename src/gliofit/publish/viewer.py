"""Interactive viewer in three planes, embedded in a self-contained page.

NiiVue draws the slices with WebGL; ``assets/viewer*.js`` is the user interface. Volumes and the library are embedded as
compressed text and unpacked when first shown.
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

_ASSETS = files("gliofit.publish") / "assets"
#: Scripts of the viewer, in order of dependence.
_SCRIPTS = ("viewer-unpack.js", "viewer-contours.js", "viewer-panes.js", "viewer-controls.js", "viewer.js")


class Viewer:
    """Builder of a viewer; layers are shown in the order in which they are added.

    Parameters
    ----------
    box, grid_name
        Part of the case that is shown, and name of the grid of the case's files.
    centre_mm, centre_name
        Initial point in world mm, shape (3,), and its name on the button that returns to it.
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
        """Add an MRI on the case's grid as background; the first one is shown initially."""
        values, window = quantised_image(self.box.cut(data))
        self._layer("image", name, "Background", values, range=list(window))

    def grey(self, name: str, data: NDArray[Any]) -> None:
        """Add a background of values from 0 to 1."""
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
        """Add a colour map over the background; ``line`` is value, colour and dashes of a contour."""
        self._colours.setdefault(colours.title, colours.table())
        values = quantised_range(self.box.cut(data), colours.low, colours.high)
        contour = None if line is None else dict(zip(("level", "colour", "dashes"), line, strict=True))
        self._layer(
            "map", name, group, values, colours=colours.title, visible=visible, opacity=opacity, contour=contour
        )

    def labels(self, name: str, group: str, data: NDArray[Any], meanings: Mapping[int, tuple[str, str]]) -> None:
        """Add a label map; ``meanings`` has name and colour (#rrggbb) of each value."""
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
        """Add the border of voxels with some label values.

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
        """Add the concentration of each method, or a remark if it failed.

        ``shown`` is the method shown initially. Return concentrations on the case's grid by printed name.
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

    def _layer(self, kind: str, name: str, group: str, values: Quantised, **more: Any) -> None:
        """Add a layer; equal values are packed once."""
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
