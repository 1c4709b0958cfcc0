"""Where the tumour is in a noisy concentration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofit.core.grid import Volume

__all__ = ["tumour_in_noise"]

# Smoothing over this many mm, at least a voxel, and how many standard deviations count as signal after it.
_SMOOTHING_MM = 2.0
_SIGNAL = 5.0


def tumour_in_noise(noisy: Volume, tissue: NDArray[np.bool_]) -> Volume:
    """The concentration with everything taken away but the largest lump that stands out of the noise.

    Most of a brain holds no tumour, so the noise is measured by the median absolute deviation over all tissue. Its sum
    over a brain would move the centre of mass of a small tumour by centimetres.

    Parameters
    ----------
    noisy
        Concentration with white noise, zero outside tissue.
    tissue
        Mask of white and grey matter, of the same shape.

    Returns
    -------
    The lump and two voxels about it; the volume as it is if there is no noise, or if nothing stands out.
    """
    inside = noisy.data[tissue]
    sigma = 1.4826 * float(np.median(np.abs(inside - np.median(inside))))
    if sigma == 0:
        return noisy
    width = max(1.0, _SMOOTHING_MM / noisy.grid.isotropic_spacing_mm)
    smooth = ndimage.gaussian_filter(noisy.data.astype(np.float32), width)
    # Standard deviation of white noise after a Gaussian of this width in three dimensions.
    left = sigma * (2 * np.sqrt(np.pi) * width) ** -1.5
    lumps, count = ndimage.label(smooth > _SIGNAL * left)
    if count == 0:
        return noisy
    sums = ndimage.sum_labels(smooth, lumps, np.arange(1, count + 1))
    lump = ndimage.binary_dilation(lumps == 1 + int(np.argmax(sums)), iterations=2)
    return Volume(np.where(lump, noisy.data, np.float32(0)), noisy.grid)
