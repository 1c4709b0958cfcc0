"""Detection of the tumour in a noisy concentration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gliofit.core.grid import Volume

# Width of the smoothing filter (at least one voxel), and detection threshold in standard deviations of smoothed noise.
_SMOOTHING_MM = 2.0
_SIGNAL = 5.0


def tumour_in_noise(noisy: Volume, tissue: NDArray[np.bool_]) -> Volume:
    """Keep the largest connected component above the noise and set everything else to zero.

    The noise is estimated by the median absolute deviation over all tissue, most of which has no tumour. Summed over a
    brain, noise would shift the centre of mass of a small tumour by centimetres.

    Parameters
    ----------
    noisy
        Concentration with white noise, zero outside tissue.
    tissue
        Mask of white and grey matter, of the same shape.

    Returns
    -------
    Volume
        The component with a margin of two voxels; ``noisy`` itself without noise or without a component.
    """
    inside = noisy.data[tissue]
    sigma = 1.4826 * float(np.median(np.abs(inside - np.median(inside))))
    if sigma == 0:
        return noisy
    width = max(1.0, _SMOOTHING_MM / noisy.grid.isotropic_spacing_mm)
    smooth = ndimage.gaussian_filter(noisy.data.astype(np.float32), width)
    # Standard deviation of white noise after a three-dimensional Gaussian filter.
    smooth_sigma = sigma * (2 * np.sqrt(np.pi) * width) ** -1.5
    components, count = ndimage.label(smooth > _SIGNAL * smooth_sigma)
    if count == 0:
        return noisy
    sums = ndimage.sum_labels(smooth, components, np.arange(1, count + 1))
    tumour = ndimage.binary_dilation(components == 1 + int(np.argmax(sums)), iterations=2)
    return Volume(np.where(tumour, noisy.data, np.float32(0)), noisy.grid)
