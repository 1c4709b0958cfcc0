"""Overlap of tumour outlines, and distances between their surfaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.core.grid import bounding_box

#: Thresholds of the concentration for whole tumour and core.
WHOLE_THRESHOLD, CORE_THRESHOLD = 0.33, 0.60


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Compute the Dice overlap of two masks; 0 if only one is empty, NaN if both are."""
    return float(_dice_of_counts(np.count_nonzero(first & second), np.count_nonzero(first), np.count_nonzero(second)))


def dice_of_fields(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], thresholds: ArrayLike
) -> NDArray[np.float64]:
    """Compute the Dice of two concentrations at each (increasing) threshold, shape of ``thresholds``."""
    both = np.minimum(prediction, truth)
    return _dice_of_counts(
        _count_at_least(both, thresholds), _count_at_least(prediction, thresholds), _count_at_least(truth, thresholds)
    )


def dice_with_mask(
    prediction: NDArray[np.floating], mask: NDArray[np.bool_], thresholds: ArrayLike
) -> NDArray[np.float64]:
    """Compute the Dice of a concentration at each (increasing) threshold, shape (n,), with a mask.

    NaN if both masks are empty.
    """
    return _dice_of_counts(
        _count_at_least(prediction[mask], thresholds),
        _count_at_least(prediction, thresholds),
        np.full(np.shape(thresholds), np.count_nonzero(mask)),
    )


def _count_at_least(values: NDArray[np.floating], thresholds: ArrayLike) -> NDArray[np.int64]:
    """Count the values at or above each increasing threshold."""
    cuts = np.asarray(thresholds, dtype=np.float64)
    candidates = values[values >= cuts[0]]
    passed = np.bincount(np.searchsorted(cuts, candidates, side="right"), minlength=cuts.size + 1)
    return passed[::-1].cumsum()[::-1][1:]


def _dice_of_counts(both: ArrayLike, first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Dice from voxel counts, NaN if both masks are empty."""
    total = np.asarray(first, dtype=np.float64) + np.asarray(second, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share: NDArray[np.float64] = 2.0 * np.asarray(both, dtype=np.float64) / np.where(total > 0, total, np.nan)
        return share


def surface_distances_mm(
    first: NDArray[np.bool_], second: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> tuple[float, float]:
    """Compute mean and 95 % distance between the surfaces of two masks in mm; NaN if a mask is empty.

    A surface is the voxels of a mask that have a neighbour through a face outside it; distances are between voxel
    centres. The mean is over the surface voxels of both masks; HD95 is the larger of the 95th percentiles of both
    directions, interpolated linearly, as MONAI's ``compute_hausdorff_distance(percentile=95, directed=False)`` defines
    it. The masks have one shape (x, y, z).
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt

    if not first.any() or not second.any():
        return float("nan"), float("nan")
    # This box contains both surfaces and the lines between them.
    box = bounding_box(first | second)
    # Voxels at the edge of the image are part of the surface.
    surfaces = [mask[box] & ~binary_erosion(mask[box]) for mask in (first, second)]
    to_second, to_first = (
        distance_transform_edt(~target, sampling=tuple(spacing_mm))[source]
        for source, target in (surfaces, surfaces[::-1])
    )
    mean = float(np.concatenate([to_second, to_first]).mean())
    return mean, float(max(np.percentile(to_second, 95), np.percentile(to_first, 95)))
