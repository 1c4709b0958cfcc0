"""Picture for the visual check of a registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import canonical_grid
from gliofit.core.grid import Volume, bounding_box
from gliofit.core.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.core.tissue import Tissue
from gliofit.figures.colours import CORE, CSF, MODEL, TISSUE, WHITE_MATTER, WHOLE
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, draw_edge, finish_slice, name_edges
from gliofit.figures.style import HEADING, SMALL, TWO_COLUMNS, figure_style, save_picture
from gliofit.register.images import PatientImages

#: Plane -> normal axis of the RAS array, axes shown (horizontal, vertical), letters (left, right, bottom, top).
#: Radiological: the patient's right is on the left, so the horizontal axes are reversed.
_PLANES = {"axial": (2, (0, 1), "RLPA"), "coronal": (1, (0, 2), "RLIS"), "sagittal": (0, (1, 2), "APIS")}
_DPI = 200

# Inches: gaps, text above the pictures, key below them.
_GAP, _TEXT, _KEY = 0.03, 0.62, 0.3


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
    """Draw T1, warped atlas, outlines of the warped tissue, and the label map in three planes through the tumour."""
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    def ras(data: NDArray[Any]) -> NDArray[Any]:
        return Volume(data, images.t1.grid).canonical().data

    brain = ras(images.brain.data)
    canonical = canonical_grid(images.t1.grid)
    spacing = images.t1.grid.isotropic_spacing_mm
    box = tuple(slice(max(0, part.start - 4), part.stop + 4) for part in bounding_box(brain))
    t1, atlas = _window(ras(images.t1.data), brain)[box], _window(ras(atlas_t1.data), brain)[box]
    segmentation = ras(images.segmentation.data)[box]
    tumour, core = whole_tumour_mask(segmentation), core_mask(segmentation)
    labels, brain = ras(tissue.labels)[box], brain[box]
    columns: tuple[tuple[str, NDArray[Any], Any, list[tuple[NDArray[Any], str]]], ...] = (
        ("T1", t1, "gray", [(tumour, WHOLE), (core, CORE)]),
        ("warped atlas", atlas, "gray", [(brain, MODEL), (tumour, WHOLE)]),
        (
            "T1 and warped tissue",
            t1,
            "gray",
            [(labels == TissueLabel.WHITE_MATTER, WHITE_MATTER), (labels == TissueLabel.CSF, CSF), (tumour, WHOLE)],
        ),
        ("tissue labels", labels, ListedColormap(["black", *TISSUE]), [(tumour, WHOLE)]),
    )
    sizes = {plane: (t1.shape[axes[0]], t1.shape[axes[1]]) for plane, (_, axes, _) in _PLANES.items()}
    width = (TWO_COLUMNS - 3 * _GAP) / 4
    # All planes have one scale, and panels the width of the widest plane.
    widest = max(across for across, _ in sizes.values())
    inch = width / widest
    sheet = Sheet(TWO_COLUMNS, _TEXT + sum(inch * up + _GAP for _, up in sizes.values()) + _KEY)
    with figure_style():
        top = _TEXT
        for plane, (normal, _, letters) in _PLANES.items():
            index = _largest_slice(tumour, normal)
            up = sizes[plane][1]
            for column, (title, image, colours, outlines) in enumerate(columns):
                ax = sheet.axes(column * (width + _GAP), top, width, inch * up)
                shown = _slice(image, normal, index)
                extent = np.array([0, shown.shape[1], 0, shown.shape[0]]) * spacing
                frame: dict[str, Any] = {"origin": "lower", "extent": tuple(extent)}
                highest = 3 if title == "tissue labels" else 1
                ax.imshow(shown, cmap=colours, vmin=0, vmax=highest, interpolation="nearest", **frame)
                for mask, colour in outlines:
                    draw_edge(ax, _slice(mask, normal, index), 0.5, colour, width=0.6, **frame)
                finish_slice(ax)
                middle = shown.shape[1] / 2
                ax.set(xlim=((middle - widest / 2) * spacing, (middle + widest / 2) * spacing), ylim=(0, extent[3]))
                name_edges(ax, letters)
                if plane == "axial":
                    sheet.text(column * (width + _GAP) + width / 2, top - 0.05, title, ha="center")
                if column == 0:
                    add_scale_bar(ax)
                    at = canonical.voxel_to_world(np.full(3, index + box[normal].start))[normal]
                    where = f"{plane}\n{'xyz'[normal]} = {at:.0f} mm".replace("-", "−")
                    ax.text(0.03, 0.97, where, transform=ax.transAxes, color="white", fontsize=SMALL, va="top")
            top += inch * up + _GAP
        heading = f"{case}: {status}" + (f" ({message})" if message else "")
        sheet.text(0.03, 0.15, heading, fontsize=HEADING)
        measures = (
            f"brain-mask Dice {numbers['brain_dice']:.3f}, correlation outside tumour {numbers['correlation']:.3f} "
            f"(affine only {numbers['correlation_affine']:.3f}), volume change {numbers['jacobian_min']:.2f} to "
            f"{numbers['jacobian_max']:.2f},\ntumour in warped CSF {numbers['tumour_csf_share']:.1%}, outside brain "
            f"{numbers['tumour_outside_brain_share']:.1%}; radiological: the patient’s right is on the left"
        )
        sheet.text(0.03, 0.42, measures, fontsize=SMALL)
        entries = (
            (WHOLE, "tumour"), (CORE, "core (white)"), (MODEL, "brain of the patient"),
            (WHITE_MATTER, "white matter (warped)"), (CSF, "CSF (warped)"),
        )  # fmt: skip
        handles = [Line2D([], [], color="0.75" if colour == CORE else colour, label=label) for colour, label in entries]
        sheet.figure.legend(handles=handles, loc="lower left", ncol=5, bbox_to_anchor=(0.0, 0.0), columnspacing=1.2)
        save_picture(sheet.figure, path, _DPI)


def _slice(volume: NDArray[np.generic], normal: int, index: int) -> NDArray[np.generic]:
    """Return one slice with its vertical axis first and its horizontal axis reversed."""
    plane: NDArray[np.generic] = np.take(volume, index, axis=normal)
    return plane[::-1].T


def _largest_slice(tumour: NDArray[np.bool_], normal: int) -> int:
    """Return the index of the slice with the largest tumour area, or of the middle slice."""
    area = tumour.sum(axis=tuple(a for a in range(3) if a != normal))
    return int(area.argmax()) if area.any() else tumour.shape[normal] // 2


def _window(image: NDArray[np.generic], brain: NDArray[np.generic]) -> NDArray[np.floating]:
    """Scale grey values between the brain's 1st and 99th percentile to 0.05 to 1; background is 0."""
    values = image.astype(np.float32)
    inside = values[brain & (values != 0)] if (brain & (values != 0)).any() else np.array([0.0, 1.0])
    low, high = np.percentile(inside, (1, 99))
    scaled = 0.05 + 0.95 * ((values - low) / max(high - low, 1e-12)).clip(0, 1)
    return np.where(values != 0, scaled, 0)
