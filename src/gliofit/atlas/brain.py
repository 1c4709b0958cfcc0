"""Brain masks from skull-stripped images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def brain_from_image(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the brain of a skull-stripped image: the non-zero voxels as one solid part.

    Negative values count, because z-scored images are negative inside the brain, resampled ones at its edge.
    """
    return solid(image != 0)


def solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask with its holes filled; an empty mask stays empty."""
    from scipy.ndimage import binary_fill_holes, find_objects, label

    if not mask.any():
        return np.zeros(mask.shape, bool)
    parts, count = label(mask)
    if count > 1:
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        mask = parts == sizes.argmax()
    box = find_objects(mask.astype(np.uint8))[0]
    out = np.zeros(mask.shape, bool)
    out[box] = binary_fill_holes(mask[box])
    return out
