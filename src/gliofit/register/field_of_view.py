"""Whether something is cut by the edge of the volume."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CUT_SHARE", "edge_share"]

#: Share of the surface of brain or tumour on the edge of the volume from which it counts as cut.
CUT_SHARE = 0.03


def edge_share(mask: NDArray[np.bool_]) -> float:
    """Share of a mask's surface that lies on the edge of its volume, counted in faces of voxels; 0 if it is empty.

    A brain as it is has next to nothing there; one that the field of view cuts has its cut face there.
    """
    inner = outer = 0
    for axis in range(3):
        inner += int(np.count_nonzero(np.diff(mask, axis=axis)))
        outer += sum(int(np.count_nonzero(mask.take(end, axis=axis))) for end in (0, -1))
    return outer / (inner + outer) if inner + outer else 0.0
