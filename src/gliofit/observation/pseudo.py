"""A concentration made from a segmentation, for networks that were trained on concentrations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume, bounding_box
from gliofit.observation.imaging import ImagingSettings
from gliofit.observation.masks import TumourMasks

__all__ = ["pseudo_concentration"]

#: Distance outside the tumour up to which the front is drawn; far beyond it the concentration is below 1e-3.
_MARGIN_MM = 40.0

#: Limits on the thickness of the rim between core and border, which sets the steepness of the front.
_RIM_MM = (2.0, 20.0)

#: Rim assumed where there is no core to measure it by.
_DEFAULT_RIM_MM = 8.0


def pseudo_concentration(masks: TumourMasks, like: Volume, imaging: ImagingSettings) -> Volume:
    """Draw a logistic front through the borders of whole tumour and core.

    A travelling Fisher-Kolmogorov front is close to a logistic curve, so ln(c / (1 - c)) falls about linearly along its
    normal. The logit is interpolated by distance between its values at the two borders (where c equals the thresholds),
    and continued outside and inside with the slope of the rim's median thickness.

    Parameters
    ----------
    masks
        Regions on the grid of ``like``.
    like
        Any volume on the grid of the result.
    imaging
        Thresholds at the two borders.
    """
    from scipy.ndimage import distance_transform_edt

    spacing = like.grid.spacing_mm
    start, stop = _box(masks.whole, spacing)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    whole = masks.whole[box]

    def outside(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        # Distances are between voxel centres; a border lies half a voxel before the first voxel behind it.
        return np.maximum(distance_transform_edt(~mask, sampling=spacing) - min(spacing) / 2, 0)

    to_whole, depth = outside(whole), outside(~whole)
    logit_whole, logit_core = _logit(imaging.threshold_whole), _logit(imaging.threshold_core)
    if masks.core is None:
        slope = (logit_core - logit_whole) / _DEFAULT_RIM_MM
        logit = logit_whole + slope * np.where(whole, depth, -to_whole)
    else:
        core = masks.core[box]
        to_core, core_depth = outside(core), outside(~core)
        rim = whole & ~core
        thickness = np.clip(np.median((to_core + depth)[rim]) if rim.any() else _RIM_MM[0], *_RIM_MM)
        slope = (logit_core - logit_whole) / thickness
        share = depth / np.maximum(depth + to_core, 1e-6)
        logit = np.where(rim, logit_whole + share * (logit_core - logit_whole), logit_whole - slope * to_whole)
        logit = np.where(core, logit_core + slope * core_depth, logit)
    out = np.zeros(like.grid.shape, np.float32)
    out[box] = 1 / (1 + np.exp(-logit))
    return Volume(out, like.grid)


def _logit(value: float) -> float:
    return float(np.log(value / (1 - value)))


def _box(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> tuple[list[int], list[int]]:
    """Bounding box of a mask with a margin, within the grid."""
    start, stop = [], []
    for used, size, voxel in zip(bounding_box(mask), mask.shape, spacing, strict=True):
        margin = int(np.ceil(_MARGIN_MM / voxel))
        start.append(max(0, used.start - margin))
        stop.append(min(size, used.stop + margin))
    return start, stop
