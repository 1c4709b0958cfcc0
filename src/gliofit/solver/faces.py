"""Relative diffusivities on voxel faces, without flux across tissue borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.core.tissue import TISSUE_THRESHOLD
from gliofit.growth.model import DIFFUSIVITY_RATIO


def face_coefficients(
    wm: NDArray[np.floating], gm: NDArray[np.floating], ratio: float = DIFFUSIVITY_RATIO
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Compute D / D_WM on the faces between each voxel and its successor along the three axes.

    The coefficient is the mean of ``wm + gm / ratio`` of the two voxels if both are tissue, and zero elsewhere.

    Parameters
    ----------
    wm, gm
        Tissue fractions, shape (nx, ny, nz), of one floating type.
    ratio
        D_WM / D_GM.

    Returns
    -------
    tuple of ndarray
        Coefficients for the three axes, shape and type of ``wm``.
    """
    return face_means(wm + gm / wm.dtype.type(ratio), (wm + gm) >= TISSUE_THRESHOLD)


def face_means(
    values: NDArray[np.floating], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Average the two voxels at each face inside tissue; zero at all other faces.

    Parameters
    ----------
    values
        Shape (nx, ny, nz).
    inside
        Mask of tissue, shape (nx, ny, nz).

    Returns
    -------
    tuple of ndarray
        Faces between each voxel and its successor along the three axes, shape and type of ``values``.
    """
    faces = []
    for axis in range(3):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        face = np.zeros_like(values)
        face[before] = np.where(inside[before] & inside[after], (values[before] + values[after]) / 2, 0)
        faces.append(face)
    return faces[0], faces[1], faces[2]
