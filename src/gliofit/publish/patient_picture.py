"""The picture of a patient page: what is known, the preferred method in three planes, and every method's cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.evaluate.metrics import WHOLE_THRESHOLD
from gliofit.io import atomic_path
from gliofit.labels import TissueLabel
from gliofit.publish.drawing import figure_style
from gliofit.publish.patient_colours import CORE_COLOUR, TISSUE_COLOURS, WHOLE_COLOUR, deviation_scale
from gliofit.publish.slices import AXIAL, PLANES, PatientSlices, Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CellMap", "PatientPicture", "draw_patient_picture"]

#: Pictures by plane, as ``PatientSlices.cut`` gives them.
Cuts = Mapping[str, NDArray[Any]]

# Inches: the page, gaps, what is above and below pictures, and the height of the keys beside the three planes.
_WIDTH, _GAP, _EDGE, _HEADING, _TITLE, _KEY, _NOTE, _KEYS = 11.0, 0.06, 0.08, 0.42, 0.36, 0.5, 0.24, 3.0
#: Small pictures in a row.
_COLUMNS = 5
#: Dots per inch; the page shows an inch as about 105 dots, and one file of all patients must not become too large.
_DPI = 130
_CELLS = "#F0E442"
#: Dashes short enough to be told in a key.
_DASHES = (0, (2, 1))
_WHITE_EDGE, _CSF_EDGE = "#E69F00", "#56B4E9"


@dataclass(frozen=True, eq=False)
class CellMap:
    """Tumour cells by one method.

    Parameters
    ----------
    name
        Printed name of the method.
    cuts
        Concentration; None where the method failed.
    note
        Line below the picture.
    """

    name: str
    cuts: Cuts | None
    note: str


@dataclass(frozen=True, eq=False)
class PatientPicture:
    """What the picture shows; all cuts are those of ``slices``.

    Parameters
    ----------
    slices
        Where the volumes are cut.
    images
        MRI by printed name; the first one is behind the cells.
    t1
        T1 image, on which the registered tissue is outlined.
    labels
        ``TissueLabel`` values.
    whole, core
        Masks of the segmentation.
    maps
        Cells by every method, the preferred one first where there is one.
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
        """The picture in words, for those who do not see it."""
        at = f"axial slice at z = {_mm(self.slices, AXIAL)}"
        parts = [f"{', '.join(self.images)} with the segmentation", "the registered tissue"]
        if self.deviation is not None:
            parts.append(f"the standard deviation of the tumour-cell concentration by {self.deviation[0]}")
        text = f"First row, {at}: {', '.join(parts)}."
        if self.preferred:
            text += f" Then the tumour-cell concentration by {self.maps[0].name} in three planes."
        names = ", ".join(cells.name if cells.cuts is not None else f"{cells.name} (failed)" for cells in self.maps)
        return f"{text} Then the tumour-cell concentration by every method in the {at}: {names}."


def _mm(slices: PatientSlices, plane: Plane) -> str:
    return f"{slices.position_mm(plane):.0f} mm".replace("-", "−")


def draw_patient_picture(path: str | Path, picture: PatientPicture) -> None:
    """Write the picture as PNG; the same picture gives the same bytes."""
    with figure_style():
        figure = _draw(picture)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})


class _Sheet:
    """Places in inches from the upper left corner of a figure."""

    def __init__(self, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.height = height
        self.figure: Figure = Figure(figsize=(_WIDTH, height), facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose upper left corner is at (x, y)."""
        box = (x / _WIDTH, 1 - (y + height) / self.height, width / _WIDTH, height / self.height)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, **how: Any) -> None:
        """Text whose baseline is at y."""
        self.figure.text(x / _WIDTH, 1 - y / self.height, text, **how)


def _draw(picture: PatientPicture) -> Figure:
    """Lay out the three parts from top to bottom."""
    slices = picture.slices
    side = (_WIDTH - 2 * _EDGE - (_COLUMNS - 1) * _GAP) / _COLUMNS
    across, up = slices.size_mm(AXIAL)
    tall = side * up / across
    # The three planes share one scale, beside a column for keys.
    sizes = [slices.size_mm(plane) for plane in PLANES]
    keys = side
    scale = (_WIDTH - 2 * _EDGE - 3 * _GAP - keys - 0.3) / sum(width for width, _ in sizes)
    middle = max(_KEYS, scale * max(height for _, height in sizes))
    rows = -(-len(picture.maps) // _COLUMNS)
    height = _HEADING + _TITLE + tall + _KEY
    height += (_HEADING + _TITLE + middle) if picture.preferred else 0
    height += _HEADING + rows * (_TITLE + tall + _NOTE) + 0.1
    sheet = _Sheet(height)
    at = f"axial, {AXIAL.letter} = {_mm(slices, AXIAL)}"

    y = _heading(sheet, 0, f"What is known ({at})")
    for number, (title, draw, key) in enumerate(_known(picture)):
        x = _EDGE + number * (side + _GAP)
        _title(sheet, x, y, side, title)
        panel = sheet.axes(x, y + _TITLE, side, tall)
        layer = draw(panel)
        key(sheet, layer, x, y + _TITLE + tall, side)
    y += _TITLE + tall + _KEY

    layer = None
    if picture.preferred:
        y = _heading(sheet, y, f"Tumour cells in three planes: {picture.maps[0].name}")
        x = _EDGE
        for plane, (width, length) in zip(PLANES, sizes, strict=True):
            _title(sheet, x, y, scale * width, f"{plane.name}, {plane.letter} = {_mm(slices, plane)}")
            panel = sheet.axes(x, y + _TITLE, scale * width, scale * length)
            layer = _cells(panel, picture, picture.maps[0], plane)
            x += scale * width + _GAP
        _cells_key(sheet, layer, x + 0.3, y + _TITLE, keys)
        y += _TITLE + middle
    y = _heading(sheet, y, f"Tumour cells by every method ({at})")
    for number, cells in enumerate(picture.maps):
        row, column = divmod(number, _COLUMNS)
        x, top = _EDGE + column * (side + _GAP), y + row * (_TITLE + tall + _NOTE)
        _title(sheet, x, top, side, cells.name)
        _cells(sheet.axes(x, top + _TITLE, side, tall), picture, cells, AXIAL)
        sheet.text(x + side / 2, top + _TITLE + tall + 0.16, cells.note, size=9, ha="center")
    return sheet.figure


def _heading(sheet: _Sheet, y: float, text: str) -> float:
    sheet.text(_EDGE, y + 0.3, text, size=11, weight="bold")
    return y + _HEADING


def _title(sheet: _Sheet, x: float, y: float, width: float, text: str) -> None:
    """Title above a picture, on two lines where it is long."""
    import textwrap

    lines = textwrap.wrap(text, max(12, int(width * 15)), break_on_hyphens=False)[:2]
    sheet.text(x + width / 2, y + _TITLE - 0.05, "\n".join(lines), size=9, ha="center", va="bottom", linespacing=1.05)


def _known(picture: PatientPicture) -> list[tuple[str, Callable[..., Any], Callable[..., None]]]:
    """Title, drawing and key of each picture of the first row."""
    found: list[tuple[str, Callable[..., Any], Callable[..., None]]] = []
    for name, cuts in picture.images.items():

        def draw(panel: Axes, cuts: Cuts = cuts) -> None:
            _background(panel, picture, cuts, AXIAL)
            _segmentation(panel, picture, AXIAL)

        found.append((name, draw, _no_key if found else _segmentation_key))
    found.append(("T1, registered tissue", lambda panel: _outlines(panel, picture), _outlines_key))
    found.append(("grey and white matter, CSF", lambda panel: _tissue(panel, picture), _tissue_key))
    if picture.deviation is not None:
        name, cuts = picture.deviation
        title = f"uncertainty, {name}"
        found.append((title, lambda panel: _deviation(panel, picture, cuts), _deviation_key))
    return found


def _frame(picture: PatientPicture, plane: Plane) -> dict[str, Any]:
    width, height = picture.slices.size_mm(plane)
    return {"origin": "lower", "extent": (0, width, 0, height)}


def _background(panel: Axes, picture: PatientPicture, cuts: Cuts, plane: Plane) -> None:
    """An image with the sides of the patient."""
    panel.imshow(cuts[plane.name], cmap="gray", vmin=0, vmax=1, **_frame(picture, plane))
    _finish(panel, plane)


def _finish(panel: Axes, plane: Plane) -> None:
    panel.set(xticks=[], yticks=[])
    panel.set_facecolor("black")
    for spine in panel.spines.values():
        spine.set_visible(False)
    for x, side, align in ((0.02, plane.left, "left"), (0.98, plane.right, "right")):
        panel.text(x, 0.985, side, transform=panel.transAxes, ha=align, va="top", color="white", size=9)


def _edge(
    panel: Axes, picture: PatientPicture, plane: Plane, values: NDArray[Any], level: float, look: tuple[str, str]
) -> None:
    """Contour of values, on a dark rim that shows it on every background."""
    from matplotlib import patheffects

    inside = values > level
    if inside.any() and not inside.all():
        colour, line = look
        drawn = panel.contour(
            values.astype(float), levels=[level], colors=colour, linestyles=line, linewidths=1.1,
            **_frame(picture, plane),
        )  # fmt: skip
        drawn.set_path_effects([patheffects.Stroke(linewidth=2.1, foreground="#00000099"), patheffects.Normal()])


def _segmentation(panel: Axes, picture: PatientPicture, plane: Plane) -> None:
    _edge(panel, picture, plane, picture.whole[plane.name], 0.5, (WHOLE_COLOUR, "solid"))
    _edge(panel, picture, plane, picture.core[plane.name], 0.5, (CORE_COLOUR, "dashed"))


def _outlines(panel: Axes, picture: PatientPicture) -> None:
    _background(panel, picture, picture.t1, AXIAL)
    labels = picture.labels[AXIAL.name]
    for label, colour in ((TissueLabel.WHITE_MATTER, _WHITE_EDGE), (TissueLabel.CSF, _CSF_EDGE)):
        inside = labels == label
        if inside.any():
            panel.contour(inside.astype(float), levels=[0.5], colors=colour, linewidths=0.6, **_frame(picture, AXIAL))


def _tissue(panel: Axes, picture: PatientPicture) -> None:
    from matplotlib.colors import ListedColormap

    colours = ListedColormap(["black", *(colour for _, colour, _ in TISSUE_COLOURS)])
    frame = _frame(picture, AXIAL)
    panel.imshow(picture.labels[AXIAL.name], cmap=colours, vmin=-0.5, vmax=3.5, interpolation="nearest", **frame)
    _finish(panel, AXIAL)
    _segmentation(panel, picture, AXIAL)


def _deviation(panel: Axes, picture: PatientPicture, cuts: Cuts) -> Any:
    image = next(iter(picture.images.values()))
    _background(panel, picture, image, AXIAL)
    values = cuts[AXIAL.name]
    most = deviation_scale(float(values.max()))
    shown = np.ma.masked_less(values, 0.05 * most)
    layer = panel.imshow(shown, cmap="viridis", vmin=0, vmax=most, alpha=0.85, **_frame(picture, AXIAL))
    _segmentation(panel, picture, AXIAL)
    return layer


def _cells(panel: Axes, picture: PatientPicture, cells: CellMap, plane: Plane) -> Any:
    """Cells over the first image, with the segmentation and the line where the model shows tumour."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    _background(panel, picture, next(iter(picture.images.values())), plane)
    if cells.cuts is None:
        box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.7}
        panel.text(
            0.5, 0.5, "failed", transform=panel.transAxes, ha="center", va="center", color="white", size=11, bbox=box
        )
        return None
    values = cells.cuts[plane.name]
    # Without the darkest colours, which look like no cells; few cells let the anatomy through.
    colours = ListedColormap(colormaps["inferno"](np.linspace(0.15, 1, 256)))
    opacity = 0.85 * np.clip(values / 0.2, 0, 1)
    layer = panel.imshow(values, cmap=colours, vmin=0, vmax=1, alpha=opacity, **_frame(picture, plane))
    _segmentation(panel, picture, plane)
    _edge(panel, picture, plane, values, WHOLE_THRESHOLD, (_CELLS, "solid"))
    return layer


def _bar(sheet: _Sheet, layer: Any, box: tuple[float, float, float, float], label: str) -> None:
    bar = sheet.figure.colorbar(layer, cax=sheet.axes(*box), orientation="horizontal")
    # The image's own map of opacities is none for the bar.
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    bar.ax.locator_params(nbins=5)
    bar.ax.tick_params(labelsize=9, pad=1, length=2)
    bar.set_label(label, size=9, labelpad=1)


def _deviation_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    _bar(sheet, layer, (x + 0.2, y + 0.06, width - 0.4, 0.09), "standard deviation of c (no unit)")


def _lines_key(sheet: _Sheet, x: float, y: float, entries: Sequence[tuple[str, Any, str]]) -> None:
    """Lines with what they mean, one below the other."""
    panel = sheet.axes(x, y, 2.4, 0.2 * len(entries))
    panel.axis("off")
    panel.set(xlim=(0, 2.4), ylim=(0.2 * len(entries), 0))
    for number, (colour, style, meaning) in enumerate(entries):
        at = 0.2 * number + 0.11
        # On grey as in the pictures, where light colours show.
        panel.plot([0.04, 0.36], [at, at], color="#444444", linewidth=7, solid_capstyle="butt")
        panel.plot([0.04, 0.36], [at, at], color=colour, linestyle=style, linewidth=1.4)
        panel.text(0.44, at, meaning, va="center", size=9)


def _segmentation_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    _lines_key(sheet, x, y + 0.04, [(WHOLE_COLOUR, "solid", "whole tumour"), (CORE_COLOUR, _DASHES, "core")])


def _no_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    """Nothing: the picture has the key of the one before."""


def _outlines_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    _lines_key(sheet, x, y + 0.04, [(_WHITE_EDGE, "solid", "white matter of the atlas"), (_CSF_EDGE, "solid", "CSF")])


def _tissue_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    from matplotlib.patches import Patch

    panel = sheet.axes(x, y, width, 0.45)
    panel.axis("off")
    patches = [Patch(facecolor=colour, label=name) for _, colour, name in TISSUE_COLOURS]
    how = {"frameon": False, "fontsize": 9, "borderpad": 0.2, "columnspacing": 1.0, "handlelength": 1.2}
    panel.legend(handles=patches, loc="upper left", ncols=3, **how)


def _cells_key(sheet: _Sheet, layer: Any, x: float, y: float, width: float) -> None:
    """Key of all pictures with cells."""
    _bar(
        sheet, layer, (x, y + 0.15, width - 0.1, 0.12), "tumour-cell concentration c\n(share of the most there can be)"
    )
    entries: list[tuple[str, Any, str]] = [
        (WHOLE_COLOUR, "solid", "segmentation, whole"),
        (CORE_COLOUR, _DASHES, "segmentation, core"),
        (_CELLS, "solid", f"model, c = {WHOLE_THRESHOLD:.2f}"),
    ]
    _lines_key(sheet, x - 0.04, y + 1.0, entries)
    notes = (
        "Radiological: the patient's\nright (R) is on the left;\nA front, P back.\nz, y, x: world mm.\n"
        "All pictures of c have\nthis scale."
    )
    sheet.text(x, y + 1.85, notes, size=9, va="top", linespacing=1.35)
