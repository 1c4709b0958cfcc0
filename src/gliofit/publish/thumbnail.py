"""Small picture of a patient: axial slice with concentration and outline of the segmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gliofit.figures.colours import MODEL, WHOLE, cells_map, cells_opacity
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.shown import show_pixels
from gliofit.publish.slices import AXIAL, Anatomy
from gliofit.report.table import Picture

#: Height in pixels; pages show half of it.
_HEIGHT = 220


def show_patient(case: str, case_dir: str | Path, concentration: str | Path) -> Picture:
    """Draw a patient.

    Parameters
    ----------
    case
        Name of the patient.
    case_dir
        ``register/patients/{case}``.
    concentration
        Concentration to show (zero if the method failed).

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient, or the segmentation contains no tumour.
    """
    from matplotlib.colors import to_rgb
    from PIL import Image

    anatomy = Anatomy.load(Path(case_dir))
    slices = anatomy.slices
    grey = slices.read_image(Path(case_dir) / "t1.nii.gz")[AXIAL.name]
    cells = slices.read(concentration)[AXIAL.name]

    width, height = (_HEIGHT * side / slices.size_mm(AXIAL)[1] for side in slices.size_mm(AXIAL))
    size = round(width), round(height)

    def enlarged(values: np.ndarray) -> np.ndarray:
        # Rows of pictures are ordered downwards.
        image = Image.fromarray(np.ascontiguousarray(values[::-1], dtype=np.float32))
        return np.clip(np.asarray(image.resize(size, Image.Resampling.BILINEAR)), 0, 1)

    amount, grey = enlarged(cells), enlarged(grey)
    opacity = cells_opacity(amount)[..., None]
    colours = 255 * cells_map()(amount)[..., :3]
    pixels = (1 - opacity) * 255 * grey[..., None] + opacity * colours
    inside = enlarged(slices.cut(anatomy.whole.data)[AXIAL.name]) > 0.5
    for region, colour in ((inside, WHOLE), (amount > WHOLE_THRESHOLD, MODEL)):
        pixels[_edge(region)] = 255 * np.array(to_rgb(colour))
    image = Image.fromarray(np.rint(pixels).astype(np.uint8), "RGB")
    return show_pixels(image, f"Axial slice of {case} through the tumour, with tumour cells and segmentation")


def _edge(region: np.ndarray) -> np.ndarray:
    """Return the pixels of a region with a neighbour outside."""
    around = np.pad(region, 1)
    edge: np.ndarray[Any, Any] = region & ~(around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:])
    return edge
