"""Picture of a patient page: input images, the preferred method in three planes, and all methods."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.labels import TissueLabel
from gliofit.figures.colours import (
    CORE,
    CSF,
    DEVIATION,
    MODEL,
    TISSUE,
    TISSUE_KINDS,
    WHITE_MATTER,
    WHOLE,
    deviation_scale,
)  # fmt: skip
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, draw_cells, draw_edge, draw_failed, finish_slice
from gliofit.figures.style import HEADING, SMALL, TWO_COLUMNS, figure_style, save_picture
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.slices import AXIAL, PLANES, PatientSlices, Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Pictures by plane, as returned by ``PatientSlices.cut``.
Cuts = Mapping[str, NDArray[Any]]

# Inches: gaps, space above and below pictures, height of the keys beside the three planes.
_GAP, _EDGE, _HEADING, _TITLE, _KEY, _NOTE, _KEYS = 0.04, 0.05, 0.3, 0.28, 0.42, 0.18, 2.3
#: Number of small pictures in a row.
_COLUMNS = 5
#: Dots per inch; limits the size of the page of all patients.
_DPI = 200
#: Dashes that are recognisable in a key.
_DASHES = (0, (2, 1))


@dataclass(frozen=True, eq=False)
class CellMap:
    """Concentration by one method (None if it failed), with its printed name and the line below the picture."""

    name: str
    cuts: Cuts | None
    note: str


@dataclass(frozen=True, eq=False)
class PatientPicture:
    """Content of the picture; all cuts are those of ``slices``.

    Parameters
    ----------
    slices
        Where the volumes are cut.
    images
        MRI by printed name; the first one is the background.
    t1, labels, whole, core
        T1 image, ``TissueLabel`` values, and masks of the segmentation.
    maps
        Concentrations of all methods, the preferred one first.
    preferred
        Whether the first map is the preferred method's.
    deviation
        Printed name of a method and the standard deviation of its concentration.
    """

    slices: PatientSlices
    images: Mapping[str, Cuts]
    t1: Cuts
    labels: Cuts
    whole: Cuts
    core: Cuts
    maps: Sequence[CellMap]
    preferred: bool
    deviation: tuple[str, Cuts] | None = None

    def description(self) -> str:
        """Return an alternative text of the picture."""
        position = f"axial slice at {self.slices.position_text(AXIAL)}"
        parts = [f"{', '.join(self.images)} with the segmentation", "the registered tissue"]
        if self.deviation is not None:
            parts.append(f"the standard deviation of the tumour-cell concentration by {self.deviation[0]}")
        text = f"First row, {position}: {', '.join(parts)}."
        if self.preferred:
            text += f" Then the tumour-cell concentration by {self.maps[0].name} in three planes."
        names = ", ".join(cells.name if cells.cuts is not None else f"{cells.name} (failed)" for cells in self.maps)
        return f"{text} Then the tumour-cell concentration by every method in the {position}: {names}."


def draw_patient_picture(path: str | Path, picture: PatientPicture) -> None:
    """Write the picture as PNG, reproducible to the byte."""
    with figure_style():
        save_picture(_draw(picture), path, _DPI)


def _draw(picture: PatientPicture) -> Figure:
    """Draw the three parts from top to bottom."""
    slices = picture.slices
    side = (TWO_COLUMNS - 2 * _EDGE - (_COLUMNS - 1) * _GAP) / _COLUMNS
    across, up = slices.size_mm(AXIAL)
    tall = side * up / across
    # The three planes share one scale, with a column for keys.
    sizes = [slices.size_mm(plane) for plane in PLANES]
    scale = (TWO_COLUMNS - 2 * _EDGE - 3 * _GAP - side - 0.1) / sum(width for width, _ in sizes)
    middle = max(_KEYS, scale * max(height for _, height in sizes))
    rows = -(-len(picture.maps) // _COLUMNS)
    height = _HEADING + _TITLE + tall + _KEY
    height += (_HEADING + _TITLE + middle) if picture.preferred else 0
    height += _HEADING + rows * (_TITLE + tall + _NOTE) + 0.1
    sheet = Sheet(TWO_COLUMNS, height)
    position = f"axial, {slices.position_text(AXIAL)}"

    y = _heading(sheet, 0, f"Input images ({position})")
    _draw_inputs(sheet, picture, y, side, tall)
    y += _TITLE + tall + _KEY
    if picture.preferred:
        y = _heading(sheet, y, f"Tumour cells in three planes: {picture.maps[0].name}")
        x = _EDGE
        for plane, (width, length) in zip(PLANES, sizes, strict=True):
            _title(sheet, x, y, scale * width, f"{plane.name}, {slices.position_text(plane)}")
            panel = sheet.axes(x, y + _TITLE, scale * width, scale * length)
            layer = _cells(panel, picture, picture.maps[0], plane)
            add_scale_bar(panel)
            x += scale * width + _GAP
        _cells_key(sheet, layer, x + 0.1, y + _TITLE, side)
        y += _TITLE + middle
    y = _heading(sheet, y, f"Tumour cells by every method ({position})")
    for number, cells in enumerate(picture.maps):
        row, column = divmod(number, _COLUMNS)
        x, top = _EDGE + column * (side + _GAP), y + row * (_TITLE + tall + _NOTE)
        _title(sheet, x, top, side, cells.name)
        _cells(sheet.axes(x, top + _TITLE, side, tall), picture, cells, AXIAL)
        sheet.text(x + side / 2, top + _TITLE + tall + 0.12, cells.note, fontsize=SMALL, ha="center")
    return sheet.figure


def _heading(sheet: Sheet, y: float, text: str) -> float:
    sheet.text(_EDGE, y + 0.22, text, fontsize=HEADING, weight="bold")
    return y + _HEADING


def _title(sheet: Sheet, x: float, y: float, width: float, text: str) -> None:
    """Write the title above a picture, on two lines if it is long."""
    lines = textwrap.wrap(text, max(12, int(width * 18)), break_on_hyphens=False)[:2]
    sheet.text(x + width / 2, y + _TITLE - 0.04, "\n".join(lines), ha="center", va="bottom", linespacing=1.05)


def _draw_inputs(sheet: Sheet, picture: PatientPicture, y: float, side: float, tall: float) -> None:
    """Draw images, registered tissue and uncertainty with their keys."""
    titles = [*picture.images, "T1, registered tissue", "grey and white matter, CSF"]
    if picture.deviation is not None:
        titles.append(f"uncertainty, {picture.deviation[0]}")
    places = [_EDGE + number * (side + _GAP) for number in range(len(titles))]
    panels = [sheet.axes(x, y + _TITLE, side, tall) for x in places]
    for x, title in zip(places, titles, strict=True):
        _title(sheet, x, y, side, title)
    below, count = y + _TITLE + tall, len(picture.images)
    for panel, cuts in zip(panels[:count], picture.images.values(), strict=True):
        _background(panel, picture, cuts)
        _segmentation(panel, picture)
    add_scale_bar(panels[0])
    # One key for all images.
    _lines_key(sheet, places[0], below + 0.04, [(WHOLE, "solid", "whole tumour"), (CORE, _DASHES, "core")])
    _outlines(panels[count], picture)
    tissues = [(WHITE_MATTER, "solid", "white matter, atlas"), (CSF, "solid", "CSF, atlas")]
    _lines_key(sheet, places[count], below + 0.04, tissues)
    _tissue(panels[count + 1], picture)
    _tissue_key(sheet, places[count + 1], below, side)
    if picture.deviation is not None:
        layer = _deviation(panels[-1], picture, picture.deviation[1])
        bar = sheet.bar(layer, places[-1] + 0.1, below + 0.05, side - 0.2, 0.06, "deviation of c (no unit)")
        bar.ax.locator_params(nbins=4)


def _background(panel: Axes, picture: PatientPicture, cuts: Cuts, plane: Plane = AXIAL) -> dict[str, Any]:
    """Draw an image with the patient's sides; return the extent for other layers."""
    frame = picture.slices.frame(plane)
    panel.imshow(cuts[plane.name], cmap="gray", vmin=0, vmax=1, **frame)
    finish_slice(panel, plane.left, plane.right)
    return frame


def _segmentation(panel: Axes, picture: PatientPicture, plane: Plane = AXIAL) -> None:
    frame = picture.slices.frame(plane)
    draw_edge(panel, picture.whole[plane.name], 0.5, WHOLE, **frame)
    draw_edge(panel, picture.core[plane.name], 0.5, CORE, _DASHES, **frame)


def _outlines(panel: Axes, picture: PatientPicture) -> None:
    """Draw the outlines of registered tissue on the T1 image."""
    frame = _background(panel, picture, picture.t1)
    for label, colour in ((TissueLabel.WHITE_MATTER, WHITE_MATTER), (TissueLabel.CSF, CSF)):
        inside = picture.labels[AXIAL.name] == label
        if inside.any():
            panel.contour(inside.astype(float), levels=[0.5], colors=colour, linewidths=0.6, **frame)


def _tissue(panel: Axes, picture: PatientPicture) -> None:
    from matplotlib.colors import ListedColormap

    look: Any = {"cmap": ListedColormap(["black", *TISSUE]), "vmin": -0.5, "vmax": 3.5, "interpolation": "nearest"}
    panel.imshow(picture.labels[AXIAL.name], **look, **picture.slices.frame(AXIAL))
    finish_slice(panel, AXIAL.left, AXIAL.right)
    _segmentation(panel, picture)


def _deviation(panel: Axes, picture: PatientPicture, cuts: Cuts) -> Any:
    frame, values = _background(panel, picture, next(iter(picture.images.values()))), cuts[AXIAL.name]
    most = deviation_scale(float(values.max()))
    shown = np.ma.masked_less(values, 0.05 * most)
    layer = panel.imshow(shown, cmap=DEVIATION, vmin=0, vmax=most, alpha=0.85, **frame)
    _segmentation(panel, picture)
    return layer


def _cells(panel: Axes, picture: PatientPicture, cells: CellMap, plane: Plane) -> Any:
    """Draw the concentration over the first image, with the contours of segmentation and model."""
    frame = _background(panel, picture, next(iter(picture.images.values())), plane)
    if cells.cuts is None:
        draw_failed(panel, "failed")
        return None
    values = cells.cuts[plane.name]
    layer = draw_cells(panel, values, **frame)
    _segmentation(panel, picture, plane)
    draw_edge(panel, values, WHOLE_THRESHOLD, MODEL, **frame)
    return layer


def _lines_key(sheet: Sheet, x: float, y: float, entries: Sequence[tuple[str, Any, str]]) -> None:
    """Draw a legend of lines."""
    panel = sheet.axes(x, y, 1.5, 0.14 * len(entries))
    panel.axis("off")
    panel.set(xlim=(0, 1.5), ylim=(0.14 * len(entries), 0))
    for number, (colour, style, meaning) in enumerate(entries):
        at = 0.14 * number + 0.07
        # Grey background as in the pictures, for light colours.
        panel.plot([0.02, 0.24], [at, at], color="0.27", linewidth=5, solid_capstyle="butt")
        panel.plot([0.02, 0.24], [at, at], color=colour, linestyle=style, linewidth=1.1)
        panel.text(0.3, at, meaning, va="center", fontsize=SMALL)


def _tissue_key(sheet: Sheet, x: float, y: float, width: float) -> None:
    from matplotlib.patches import Patch

    panel = sheet.axes(x, y, width, 0.45)
    panel.axis("off")
    patches = [Patch(facecolor=colour, label=name) for name, colour in TISSUE_KINDS.values()]
    panel.legend(handles=patches, loc="upper left", ncols=3, borderpad=0.2, columnspacing=0.8, handlelength=1.0)


def _cells_key(sheet: Sheet, layer: Any, x: float, y: float, width: float) -> None:
    """Draw the key of all pictures with concentrations."""
    if layer is not None:
        sheet.bar(layer, x, y + 0.05, width - 0.1, 0.08, "concentration c (no unit)").ax.locator_params(nbins=5)
    entries: list[tuple[str, Any, str]] = [
        (WHOLE, "solid", "segmentation, whole"), (CORE, _DASHES, "segmentation, core"),
        (MODEL, "solid", f"model, c = {WHOLE_THRESHOLD:.2f}"),
    ]  # fmt: skip
    _lines_key(sheet, x - 0.02, y + 0.58, entries)
    notes = (
        "Radiological: the patient’s\nright (R) is on the left;\nA front, P back.\nz, y, x: world mm.\n"
        "All pictures of c have\nthis scale."
    )
    sheet.text(x, y + 1.1, notes, fontsize=SMALL, va="top", linespacing=1.3)
