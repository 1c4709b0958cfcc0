from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel
from gliofit.figures.colours import WHOLE
from gliofit.register.images import PatientImages
from gliofit.register.picture import draw_quality

NUMBERS = {
    "brain_dice": 0.95, "correlation": 0.8, "correlation_affine": 0.6, "jacobian_min": 0.5, "jacobian_max": 1.6,
    "tumour_csf_share": 0.02, "tumour_outside_brain_share": 0.001,
}  # fmt: skip


@pytest.mark.parametrize("side", [-1, 1], ids=["left", "right"])
def test_registration_picture_is_radiological(tmp_path: Path, brain, drawn, side) -> None:
    """The tumour is on one side (x increases to the right)."""
    world = brain.grid.voxel_to_world(np.moveaxis(np.indices(brain.grid.shape), 0, -1))
    tumour = np.linalg.norm(world - [side * 35, 0, 0], axis=-1) < 14
    inside = brain.wm + brain.gm + brain.csf > 0.5
    t1 = Volume(np.where(tumour, 900, 200 + 100 * brain.wm).astype(np.float32) * inside, brain.grid)
    segmentation = Volume(np.where(tumour, TumourLabel.OEDEMA, 0).astype(np.uint8), brain.grid)
    images = PatientImages(t1, segmentation, Volume(inside, brain.grid))
    draw_quality(tmp_path / "qc.png", "case-1", images, brain, t1, NUMBERS, "review", "poor brain mask")
    words = drawn.words(0)
    assert "case-1: review (poor brain mask)" in words
    assert {"T1", "warped atlas", "T1 and warped tissue", "tissue labels", "5 cm", *"RLAPIS"} <= {*words}
    picture = imread(tmp_path / "qc.png")[..., :3]
    first = picture[: picture.shape[0] // 2, : picture.shape[1] // 4]
    # The outline of the tumour, in the upper left picture.
    _, columns = np.nonzero(np.abs(first - to_rgb(WHOLE)).max(axis=2) < 0.1)
    assert (columns.mean() < first.shape[1] / 2) == (side > 0)
