"""Relative diffusivities on voxel faces, with no flux across tissue borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.tissue import TISSUE_THRESHOLD
from gliofit.growth.model import DIFFUSIVITY_RATIO

__all__ = ["face_coefficients", "face_means"]


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
    return face_means(wm + gm / wm.dtype.type(ratio), (wm + gm) >= TISSUE_THRESHOLD)


def face_means(
    values: NDArray[np.floating], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Means of the two voxels at each face inside tissue, zero at all other faces.

    Parameters
    ----------
    values
        Shape (nx, ny, nz).
    inside
        Voxels of tissue, of the same shape.

    Returns
    -------
    Three arrays of the shape and type of ``values``: faces between each voxel and its successor along the three axes.
    """
    faces = []
    for axis in range(3):
        here = [slice(None)] * 3
        there = [slice(None)] * 3
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        h, t = tuple(here), tuple(there)
        face = np.zeros_like(values)
        face[h] = np.where(inside[h] & inside[t], (values[h] + values[t]) / 2, 0)
        faces.append(face)
    return faces[0], faces[1], faces[2]
