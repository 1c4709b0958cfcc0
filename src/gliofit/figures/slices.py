"""Elements of pictures of slices: grey values, sides of the patient, outlines, and scale bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.figures.colours import cells_map, cells_opacity
from gliofit.figures.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def grey_values(data: NDArray[Any]) -> NDArray[np.float32]:
    """Scale non-zero intensities between their 1st and 99.5th percentile to 0.1 to 1; background stays 0."""
    values = np.asarray(data, dtype=np.float32)
    inside = values[values != 0]
    if inside.size == 0:
        return np.zeros_like(values)
    low, high = np.percentile(inside, [1, 99.5])
    # An image of one value is middle grey.
    scaled = np.clip((values - low) / float(high - low), 0, 1) if high > low else np.full_like(values, 0.5)
    return np.where(values != 0, 0.1 + 0.9 * scaled, 0).astype(np.float32)


def finish_slice(axes: Axes, left: str = "", right: str = "") -> None:
    """Remove ticks and frame, and name the left and right side of a picture (R, L; A, P)."""
    axes.set(xticks=[], yticks=[])
    axes.set_facecolor("black")
    for spine in axes.spines.values():
        spine.set_visible(False)
    for x, side, align in ((0.025, left, "left"), (0.975, right, "right")):
        if side:
            _write(axes, axes.transAxes, x, 0.98, side, ha=align, va="top")


def name_edges(axes: Axes, letters: str) -> None:
    """Name the sides of the patient at the left, right, lower and upper edge of a picture, such as RLPA."""
    places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.04), (0.5, 0.96))
    for letter, (x, y) in zip(letters, places, strict=True):
        _write(axes, axes.transAxes, x, y, letter, ha="center", va="center")


def add_scale_bar(axes: Axes, length_mm: float = 50.0) -> None:
    """Draw a scale bar in the lower left corner of a picture with its x axis in mm."""
    left, right = axes.get_xlim()
    start = left + 0.04 * (right - left)
    across = axes.get_xaxis_transform()
    axes.plot([start, start + np.copysign(length_mm, right - left)], [0.04, 0.04], transform=across, color="white",
              linewidth=1.5, solid_capstyle="butt", path_effects=_rim(1.5))  # fmt: skip
    _write(axes, across, start, 0.06, f"{length_mm / 10:g} cm", va="bottom")
    axes.set_xlim(left, right)


def draw_cells(axes: Axes, concentration: NDArray[Any], **frame: Any) -> AxesImage:
    """Draw a tumour-cell concentration over an image; ``frame`` are options of ``imshow``."""
    return axes.imshow(concentration, cmap=cells_map(), vmin=0, vmax=1, alpha=cells_opacity(concentration), **frame)


def draw_edge(
    axes: Axes, values: NDArray[Any], level: float, colour: str, line: Any = "solid", width: float = 0.9, **frame: Any
) -> None:
    """Draw the contour of values, with a dark rim for contrast, if it exists."""
    inside = values > level
    if inside.any() and not inside.all():
        drawn = axes.contour(
            np.asarray(values, dtype=float), levels=[level], colors=colour, linestyles=[line], linewidths=width, **frame
        )
        drawn.set_path_effects(_rim(width))


def draw_failed(axes: Axes, text: str) -> None:
    """Write the reason of a failure in the centre of a picture."""
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.7, "pad": 2}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="white", bbox=box)


def _write(axes: Axes, transform: Any, x: float, y: float, text: str, **how: Any) -> None:
    """Write white text with a dark rim, legible on bright anatomy."""
    axes.text(x, y, text, transform=transform, color="white", fontsize=SMALL, path_effects=_rim(0.4), **how)


def _rim(width: float) -> list[Any]:
    from matplotlib import patheffects

    return [patheffects.Stroke(linewidth=width + 0.9, foreground="#00000099"), patheffects.Normal()]
