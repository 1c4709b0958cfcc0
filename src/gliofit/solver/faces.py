"""Relative diffusivities on voxel faces, with no flux across tissue borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.tissue import TISSUE_THRESHOLD

__all__ = ["DIFFUSIVITY_RATIO", "face_coefficients"]

#: D_WM / D_GM (paper, section 2.1).
DIFFUSIVITY_RATIO = 10.0


def face_coefficients(
    wm: NDArray[np.floating], gm: NDArray[np.floating], ratio: float = DIFFUSIVITY_RATIO
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """D / D_WM on the face between each voxel and its successor along the three axes.

    Where white plus grey matter reach the tissue threshold on both sides, the coefficient is the mean of
    ``wm + gm / ratio`` of the two voxels; everywhere else, and behind the last voxel, it is zero: no flux.

    Parameters
    ----------
    wm, gm
        Tissue fractions of one shape (nx, ny, nz) and one floating type.
    ratio
        D_WM / D_GM.

    Returns
    -------
    Three arrays of the shape and type of ``wm``.
    """
    inside = (wm + gm) >= TISSUE_THRESHOLD
    relative = wm + gm / wm.dtype.type(ratio)
    faces = []
    for axis in range(3):
        here = [slice(None)] * 3
        there = [slice(None)] * 3
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        h, t = tuple(here), tuple(there)
        face = np.zeros_like(wm)
        face[h] = np.where(inside[h] & inside[t], (relative[h] + relative[t]) / 2, 0)
        faces.append(face)
    return faces[0], faces[1], faces[2]
