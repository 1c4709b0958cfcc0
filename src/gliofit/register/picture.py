"""The picture a person judges a registration by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.grid import Volume
from gliofit.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.register.images import PatientImages
from gliofit.tissue import Tissue

__all__ = ["draw_quality"]

#: Plane -> normal axis of the RAS array, axes shown (horizontal, vertical), letters (left, right, bottom, top).
#: Radiological: the patient's right is on the left. Both horizontal axes are drawn backwards.
_PLANES = {
    "axial": (2, (0, 1), "RLPA"),
    "coronal": (1, (0, 2), "RLIS"),
    "sagittal": (0, (1, 2), "APIS"),
}
_TUMOUR, _CORE, _BRAIN, _WHITE, _CSF = "#ff3b30", "#ff9ecb", "#35d0ff", "#ffd60a", "#4da3ff"


def draw_quality(
    path: Path,
    case: str,
    images: PatientImages,
    tissue: Tissue,
    atlas_t1: Volume,
    numbers: dict[str, float],
    status: str,
    message: str,
) -> None:
    """Draw T1, warped atlas, outlines of the warped tissue on T1, and the label map, in three planes of the tumour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    def ras(data: NDArray[Any]) -> NDArray[Any]:
        return Volume(data, images.t1.grid).canonical().data

    brain = ras(images.brain.data)
    spacing = images.t1.grid.isotropic_spacing_mm
    box = _bounds(brain, 4)
    t1, atlas = _window(ras(images.t1.data), brain)[box], _window(ras(atlas_t1.data), brain)[box]
    segmentation = ras(images.segmentation.data)[box]
    tumour, core = whole_tumour_mask(segmentation), core_mask(segmentation)
    labels, brain = ras(tissue.labels)[box], brain[box]
    columns: tuple[tuple[str, NDArray[Any], Any, list[tuple[NDArray[Any], str]]], ...] = (
        ("T1", t1, "gray", [(tumour, _TUMOUR), (core, _CORE)]),
        ("warped atlas", atlas, "gray", [(brain, _BRAIN), (tumour, _TUMOUR)]),
        (
            "T1 and warped tissue",
            t1,
            "gray",
            [(labels == TissueLabel.WHITE_MATTER, _WHITE), (labels == TissueLabel.CSF, _CSF), (tumour, _TUMOUR)],
        ),
        ("tissue labels", labels, ListedColormap(["black", "#2f6db5", "#8a8a8a", "#f2f2f2"]), [(tumour, _TUMOUR)]),
    )
    heights = [t1.shape[axes[1]] for _, axes, _ in _PLANES.values()]
    width = max(t1.shape[axes[0]] for _, axes, _ in _PLANES.values())
    inches = 3.3 / width
    figure = Figure(figsize=(4 * 3.4, sum(heights) * inches + 1.25), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        3, 4, height_ratios=heights, left=0.005, right=0.995, bottom=0.045, top=0.90, wspace=0.02, hspace=0.02
    )
    for row, (plane, (normal, _, letters)) in enumerate(_PLANES.items()):
        index = _busiest(tumour, normal)
        for column, (title, image, colours, outlines) in enumerate(columns):
            ax = figure.add_subplot(grid[row, column])
            shown = _slice(image, normal, index)
            top = 3 if title == "tissue labels" else 1
            ax.imshow(shown, cmap=colours, origin="lower", vmin=0, vmax=top, interpolation="nearest")
            for mask, colour in outlines:
                flat = _slice(mask, normal, index)
                if flat.any() and not flat.all():
                    ax.contour(flat.astype(float), levels=[0.5], colors=[colour], linewidths=0.7)
            if row == 0:
                ax.set_title(title, fontsize=10)
            ax.set_facecolor("black")
            ax.set_xlim(shown.shape[1] / 2 - width / 2, shown.shape[1] / 2 + width / 2)
            ax.set_xticks([])
            ax.set_yticks([])
            places = ((0.02, 0.5), (0.98, 0.5), (0.5, 0.02), (0.5, 0.98))
            sides = (("left", "center"), ("right", "center"), ("center", "bottom"), ("center", "top"))
            for letter, (x, y), (ha, va) in zip(letters, places, sides, strict=True):
                ax.text(x, y, letter, transform=ax.transAxes, color="#e8e8e8", fontsize=8, ha=ha, va=va)
            if column == 0:
                label = f"{plane}, {index * spacing:.0f} mm"
                ax.text(0.02, 0.02, label, transform=ax.transAxes, color="#e8e8e8", fontsize=7, va="bottom")
    figure.suptitle(f"{case}: {status}" + (f" ({message})" if message else ""), fontsize=12, x=0.01, y=0.99, ha="left")
    figure.text(
        0.01,
        1 - 0.62 / figure.get_figheight(),
        f"brain-mask Dice {numbers['brain_dice']:.3f}   correlation outside tumour {numbers['correlation']:.3f} "
        f"(affine only {numbers['correlation_affine']:.3f})   volume change {numbers['jacobian_min']:.2f} to "
        f"{numbers['jacobian_max']:.2f}   tumour in warped CSF {numbers['tumour_csf_share']:.1%}, "
        f"outside brain {numbers['tumour_outside_brain_share']:.1%}",
        fontsize=9,
    )
    entries = (
        (_TUMOUR, "tumour"), (_CORE, "tumour core"), (_BRAIN, "brain of the patient"),
        (_WHITE, "white matter (warped)"), (_CSF, "CSF (warped)"),
    )  # fmt: skip
    figure.legend(
        handles=[Line2D([], [], color=colour, label=label) for colour, label in entries],
        loc="lower left", ncol=5, fontsize=8, frameon=False, bbox_to_anchor=(0.0, 0.0),
    )  # fmt: skip
    figure.text(0.995, 0.012, "radiological: the patient's right is on the left", fontsize=8, ha="right")
    figure.savefig(path, dpi=110, format="png", metadata={"Software": None})


def _slice(volume: NDArray[np.generic], normal: int, index: int) -> NDArray[np.generic]:
    """One slice with rows upwards, its horizontal axis backwards."""
    return np.take(volume, index, axis=normal)[::-1].T


def _busiest(tumour: NDArray[np.bool_], normal: int) -> int:
    """Slice with most tumour, or the middle one."""
    area = tumour.sum(axis=tuple(a for a in range(3) if a != normal))
    return int(area.argmax()) if area.any() else tumour.shape[normal] // 2


def _bounds(mask: NDArray[np.generic], margin: int) -> tuple[slice, slice, slice]:
    bounds = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(0, int(used[0]) - margin), int(used[-1]) + 1 + margin))
    return bounds[0], bounds[1], bounds[2]


def _window(image: NDArray[np.generic], brain: NDArray[np.generic]) -> NDArray[np.floating]:
    """Grey values between the brain's 1st and 99th percentile, as 0.05 to 1; background stays black."""
    values = image.astype(np.float32)
    inside = values[brain & (values != 0)] if (brain & (values != 0)).any() else np.array([0.0, 1.0])
    low, high = np.percentile(inside, (1, 99))
    scaled = 0.05 + 0.95 * ((values - low) / max(high - low, 1e-12)).clip(0, 1)
    return np.where(values != 0, scaled, 0)
