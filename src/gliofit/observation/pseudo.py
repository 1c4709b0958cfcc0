"""Synthetic concentration of a segmentation, for networks trained on concentrations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume, bounding_box
from gliofit.observation.imaging import ImagingSettings
from gliofit.observation.masks import TumourMasks

#: Margin about the tumour; the concentration beyond it is below 1e-3.
_MARGIN_MM = 40.0

#: Limits of the rim thickness between core and border, which determines the steepness of the front.
_RIM_MM = (2.0, 20.0)

#: Rim thickness without a core.
_DEFAULT_RIM_MM = 8.0


def pseudo_concentration(masks: TumourMasks, like: Volume, imaging: ImagingSettings) -> Volume:
    """Construct a logistic front through the borders of whole tumour and core.

    A travelling Fisher-Kolmogorov front is close to a logistic curve, so ln(c / (1 - c)) decreases about linearly along
    its normal. The logit is interpolated by distance between its values at the two borders (where c equals the
    thresholds), and extrapolated outside and inside with the slope of the median rim thickness.

    Parameters
    ----------
    masks
        Regions on the grid of ``like``.
    like
        Volume on the grid of the result.
    imaging
        Thresholds at the two borders.
    """
    from scipy.ndimage import distance_transform_edt

    spacing = like.grid.spacing_mm
    box = bounding_box(masks.whole, [int(np.ceil(_MARGIN_MM / voxel)) for voxel in spacing])
    whole = masks.whole[box]

    def outside(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        # Distances are between voxel centres; the border lies half a voxel closer.
        distances: NDArray[np.float64] = distance_transform_edt(~mask, sampling=spacing)
        return np.maximum(distances - min(spacing) / 2, 0)

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
