"""Pictures of target volumes in the slices in which the targets differ most."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume, bounding_box
from gliofit.figures.colours import CLINICAL, CORE, PERSONALISED
from gliofit.figures.slices import add_scale_bar, draw_edge, finish_slice, grey_values
from gliofit.figures.style import TEXT, TWO_COLUMNS, figure_style, save_figure
from gliofit.plan.target import gross_tumour

#: Normal axis and name of each view, for arrays towards right, anterior, superior.
_VIEWS = ((2, "axial"), (1, "coronal"), (0, "sagittal"))

#: Letters at the left and right edge of each view.
_SIDES = {2: ("R", "L"), 1: ("R", "L"), 0: ("A", "P")}


@dataclass(frozen=True, eq=False)
class PlanView:
    """Targets of one method (bool masks on one grid), with its printed name."""

    name: str
    clinical: Volume
    personalised: Volume


def slices_of_difference(clinical: Volume, personalised: Volume) -> tuple[int, int, int]:
    """Return the indices along the three axes of the slices with the largest difference of the targets.

    For identical targets, the slices with the largest area of the target; for empty ones, the middle slices.
    """
    mask = clinical.data.astype(bool) ^ personalised.data.astype(bool)
    if not mask.any():
        mask = clinical.data.astype(bool)
    if not mask.any():
        i, j, k = (size // 2 for size in clinical.grid.shape)
    else:
        i, j, k = (int(mask.sum(axis=tuple(a for a in range(3) if a != axis)).argmax()) for axis in range(3))
    return i, j, k


def draw_plans(
    views: Sequence[PlanView],
    image: Volume,
    segmentation: Volume,
    out_dir: str | Path,
    name: str,
    title: str,
    dpi: int = 300,
) -> None:
    """Draw a row per method with an axial, a coronal and a sagittal slice; writes ``{name}.png`` and ``.pdf``.

    Slices are radiological: the patient's right, or in sagittal slices the front, is on the left. ``image`` is the MRI
    (or tissue labels) behind the contours, resampled to the grid of ``segmentation`` (``TumourLabel`` values).
    """
    if not image.grid.matches(segmentation.grid):
        image = image.sample(segmentation.grid)
    tumour = Volume(gross_tumour(segmentation), segmentation.grid).canonical().data
    background = Volume(grey_values(image.data), segmentation.grid).canonical()
    box = tuple(
        slice(max(0, part.start - 2), part.stop + 2) if part.stop else slice(None)
        for part in bounding_box(background.data > 0)
    )
    sizes = [(part.stop or size) - (part.start or 0) for part, size in zip(box, background.grid.shape, strict=True)]
    lengths = [size * step for size, step in zip(sizes, background.grid.spacing_mm, strict=True)]
    # Width of each view and common height, in mm.
    widths = [lengths[1] if axis == 0 else lengths[0] for axis, _ in _VIEWS]
    height = max(lengths[1], lengths[2])
    with figure_style():
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D

        scale = 0.94 * TWO_COLUMNS / sum(widths)
        figure = Figure(figsize=(TWO_COLUMNS, (scale * height + 0.15) * len(views) + 0.45), layout="constrained")
        axes = figure.subplots(len(views), 3, squeeze=False, width_ratios=widths)
        for row, view in zip(axes, views, strict=True):
            clinical, personalised = view.clinical.canonical(), view.personalised.canonical()
            at = slices_of_difference(clinical, personalised)
            for panel, (axis, what) in zip(row, _VIEWS, strict=True):
                across, up = (other for other in range(3) if other != axis)
                frame: dict[str, Any] = {"origin": "lower", "extent": (0, lengths[across], 0, lengths[up])}
                panel.imshow(_cut(background.data, box, axis, at[axis]).T, cmap="gray", vmin=0, vmax=1, **frame)
                for mask, colour, line in (
                    (tumour, CORE, "dotted"),
                    (clinical.data, CLINICAL, "solid"),
                    (personalised.data, PERSONALISED, "solid"),
                ):
                    draw_edge(panel, _cut(mask, box, axis, at[axis]).T, 0.5, colour, line, **frame)
                finish_slice(panel, *_SIDES[axis])
                add_scale_bar(panel)
                middle = (np.array(background.grid.shape) - 1) / 2
                middle[axis] = at[axis]
                world = background.grid.voxel_to_world(middle)[axis]
                panel.set_xlabel(f"{what}, {'xyz'[axis]} = {world:.0f} mm".replace("-", "−"))
            # A name longer than the picture's height continues on a second line.
            row[0].set_ylabel(textwrap.fill(view.name, max(12, int(scale * height / 0.06))))
        figure.suptitle(title, fontsize=TEXT)
        handles = [
            Line2D([], [], color=CLINICAL, linewidth=1.4, label="clinical target (margin)"),
            Line2D([], [], color=PERSONALISED, linewidth=1.4, label="personalised target, equal volume"),
            Line2D([], [], color="0.45", linestyle=":", linewidth=1.4, label="tumour core (white)"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        save_figure(figure, out_dir, name, dpi)


def _cut(data: NDArray[Any], box: tuple[slice, ...], axis: int, at: int) -> NDArray[Any]:
    """Return a slice of a canonical array with the patient's right, or in sagittal slices the front, first."""
    index: list[Any] = list(box)
    index[axis] = at
    return np.asarray(data[tuple(index)][::-1])
