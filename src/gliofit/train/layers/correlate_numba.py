"""Compiled correlation of two volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.compiled import cached_njit

#: Shifts along the last axis that are accumulated simultaneously, the largest kernel size.
LAGS = 7

#: Voxels per chunk, which stay in the first-level cache for all shifts.
_CHUNK = 4096


@cached_njit(fastmath=True, nogil=True)  # type: ignore[untyped-decorator]
def correlate(
    gradient: NDArray[np.float32],
    image: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
    row: int,
    size: int,
) -> None:
    """Add to ``out[c, dz, dy, dx]`` the sums over batch and voxels of gradient times shifted image.

    ``gradient`` and ``image`` are (batch, channel, flattened padded volume) with rows of length ``row``.
    """
    length = gradient.shape[2]
    for channel in range(first, last):
        for sample in range(gradient.shape[0]):
            for start in range(0, length, _CHUNK):
                g = gradient[sample, channel, start : min(length, start + _CHUNK)]
                n = g.size
                for dz in range(size):
                    for dy in range(size):
                        # Each value of the gradient is loaded once for seven products.
                        x = image[sample, channel, start + (dz * row + dy) * row :]
                        x0, x1, x2, x3 = x[0:n], x[1 : n + 1], x[2 : n + 2], x[3 : n + 3]
                        x4, x5, x6 = x[4 : n + 4], x[5 : n + 5], x[6 : n + 6]
                        s0 = s1 = s2 = s3 = s4 = s5 = s6 = np.float32(0)
                        for i in range(n):
                            v = g[i]
                            s0 += v * x0[i]
                            s1 += v * x1[i]
                            s2 += v * x2[i]
                            s3 += v * x3[i]
                            s4 += v * x4[i]
                            s5 += v * x5[i]
                            s6 += v * x6[i]
                        sums = out[channel, dz, dy]
                        sums[0] += s0
                        sums[1] += s1
                        sums[2] += s2
                        sums[3] += s3
                        sums[4] += s4
                        sums[5] += s5
                        sums[6] += s6
