"""Whole-tumour and core masks of a segmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel, core_mask, whole_tumour_mask


@dataclass(frozen=True, eq=False)
class TumourMasks:
    """Whole tumour and core of a segmentation.

    Parameters
    ----------
    whole, core
        Masks of one shape; ``core`` is None if the segmentation has no usable core.
    notes
        Notes on the choice of the core, for the message of the results row.
    """

    whole: NDArray[np.bool_]
    core: NDArray[np.bool_] | None
    notes: tuple[str, ...]


def tumour_masks(segmentation: Volume, minimum_enhancing_cc: float) -> TumourMasks:
    """Return the masks of a segmentation with ``TumourLabel`` values.

    The core is everything except oedema. With less enhancing tissue than ``minimum_enhancing_cc`` (low grade, or specks
    of a faulty segmentation) it is the non-enhancing core with necrosis; if that is empty, everything except oedema;
    if that is empty, None.
    """
    labels = segmentation.data
    whole, core = whole_tumour_mask(labels), core_mask(labels)
    enhancing_cc = np.count_nonzero(labels == TumourLabel.ENHANCING) * segmentation.grid.voxel_volume_mm3 / 1000
    if enhancing_cc > 0 and enhancing_cc >= minimum_enhancing_cc:
        return TumourMasks(whole, core, ())
    fallback = core & (labels != TumourLabel.ENHANCING)
    if fallback.any():
        note = f"only {enhancing_cc:.1f} cc of enhancing tissue; the core is the non-enhancing core (label necrotic)"
        return TumourMasks(whole, fallback, (note,))
    if core.any():
        note = f"the core consists of only {enhancing_cc:.1f} cc of enhancing tissue"
        return TumourMasks(whole, core, (note,))
    return TumourMasks(whole, None, ("no core; fitted to the whole tumour only",))
