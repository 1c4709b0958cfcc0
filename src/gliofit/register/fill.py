"""Tissue inside the tumour, which the atlas shows as before the tumour and without its mass effect."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.labels import TissueLabel
from gliofit.core.tissue import Tissue


def fill_tumour(
    tissue: Tissue, tumour: NDArray[np.bool_], fill: Literal["atlas", "white", "keep-if-brain"]
) -> tuple[Tissue, float]:
    """Set the tissue inside the tumour.

    Parameters
    ----------
    tissue
        Warped atlas tissue.
    tumour
        Whole tumour, of the tissue's shape.
    fill
        ``atlas`` changes nothing; ``white`` makes the whole tumour white matter; ``keep-if-brain`` turns CSF and
        background into grey matter.

    Returns
    -------
    tissue : Tissue
        Tissue with the tumour filled.
    share : float
        Share of the tumour's voxels whose label changed.
    """
    if fill == "atlas":
        return tissue, 0.0
    before = tissue.labels
    wm, gm, csf = tissue.wm.copy(), tissue.gm.copy(), tissue.csf.copy()
    if fill == "white":
        where, value = tumour, wm
    else:
        where, value = tumour & (before < TissueLabel.GREY_MATTER), gm
    for data in (wm, gm, csf):
        data[where] = 0
    value[where] = 1
    filled = Tissue(wm, gm, csf, tissue.grid)
    return filled, float(np.mean((filled.labels != before)[tumour])) if tumour.any() else 0.0
