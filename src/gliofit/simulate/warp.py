"""Randomly warped brains: smooth diffeomorphisms of the atlas, so that networks see more than one anatomy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from gliofit.core.grid import Grid
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.simulate.settings import WarpSettings

__all__ = ["integrate_velocity", "random_velocity", "warp_tissue"]

#: Points of the noise's lattice per standard deviation of its smoothing: splines between them miss less than 0.1 %.
_LATTICE = 3

#: Axes are scaled by at most this many standard deviations, so that no brain outgrows the field of view.
_MOST_DEVIATIONS = 2.0


def warp_tissue(tissue: Tissue, settings: WarpSettings, seed: int) -> Tissue:
    """Deform a brain by a random diffeomorphism.

    The map is the exponential of a stationary velocity field (Arsigny et al. 2006, doi:10.1007/11866565_113) that is
    smoothed noise plus a scaling of each axis about the brain's centre.

    Parameters
    ----------
    tissue
        Brain to deform, on an isotropic grid.
    settings
        Size and smoothness of the deformation.
    seed
        Random seed; the same one gives the same bytes.

    Returns
    -------
    Tissue on the same grid: fractions in [0, 1] that together are at most 1.

    Raises
    ------
    ValueError
        If the map folds somewhere in the brain.
    InputError
        If the grid is not isotropic.
    """
    # In world directions, so that the warp is the same however the image is oriented.
    turned = tissue.canonical()
    spacing = turned.grid.isotropic_spacing_mm
    inside = turned.wm + turned.gm + turned.csf >= 0.5
    velocity = random_velocity(turned.grid, inside, settings, seed)
    # Images are pulled back, so that structures move along the velocity if the points they are read from go against it.
    displacement = integrate_velocity(-velocity, spacing, settings.steps)
    maps = np.stack([_pull_back(getattr(turned, name), displacement, spacing) for name in ("wm", "gm", "csf")])
    np.clip(maps, 0, 1, out=maps)
    maps /= np.maximum(maps.sum(axis=0), 1)
    smallest = _jacobian(displacement, spacing)[maps.sum(axis=0) >= 0.5].min(initial=1.0)
    if smallest <= 0:
        raise ValueError(
            f"the warp folds the brain (Jacobian determinant {smallest:.2g}); lower amplitude_mm or raise smoothness_mm"
        )
    wm, gm, csf = maps
    warped = Tissue(wm, gm, csf, turned.grid)
    wm, gm, csf = (warped.map(name).oriented_like(tissue.grid).data for name in ("wm", "gm", "csf"))  # type: ignore[arg-type]
    return Tissue(wm, gm, csf, tissue.grid)


def random_velocity(grid: Grid, inside: NDArray[np.bool_], settings: WarpSettings, seed: int) -> NDArray[np.float32]:
    """Random stationary velocity field, integrated for unit time by ``integrate_velocity``.

    Parameters
    ----------
    grid
        Canonical, isotropic grid.
    inside
        Voxels of the brain, of shape ``grid.shape``: the smooth part has mean zero and root mean square
        ``amplitude_mm`` there, and the scaling is about the middle of their bounding box.
    settings
        Amplitude, smoothness and scaling.
    seed
        Random seed.

    Returns
    -------
    Velocity in mm towards right, anterior and superior, shape (3, *grid.shape).
    """
    spacing = grid.isotropic_spacing_mm
    rng = np.random.default_rng(derive_seed(seed, "warp"))
    # First, so that the scaling of a seed does not depend on grid and smoothness.
    deviations = np.clip(rng.standard_normal(3), -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    velocity = np.stack([_smooth_noise(grid.shape, settings.smoothness_mm / spacing, rng) for _ in range(3)])
    # A shift of the whole brain is no other anatomy.
    velocity -= velocity[:, inside].mean(axis=1)[:, None, None, None]
    velocity *= settings.amplitude_mm / np.sqrt((velocity[:, inside] ** 2).sum(axis=0).mean())
    voxels = np.argwhere(inside)
    middle = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = -1
        offset = (np.arange(grid.shape[axis]) - middle[axis]) * spacing
        velocity[axis] += (settings.scale * deviations[axis] * offset).reshape(shape)
    return velocity.astype(np.float32)


def _smooth_noise(shape: tuple[int, int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """White noise smoothed by a Gaussian of ``sigma`` voxels, in arbitrary units."""
    step = max(1.0, sigma / _LATTICE)
    # Margins beyond the Gaussian's reach, so that the field is equally varied up to the edge of the image.
    margin = int(np.ceil(4 * sigma / step)) + 2
    lattice = rng.standard_normal([int(np.ceil(n / step)) + 2 * margin for n in shape])
    lattice = gaussian_filter(lattice, sigma / step, mode="wrap")
    return affine_transform(lattice, np.eye(3) / step, np.full(3, float(margin)), output_shape=shape, order=3)


def integrate_velocity(velocity: NDArray[np.float32], spacing_mm: float, steps: int) -> NDArray[np.float32]:
    """Displacement after unit time along a stationary velocity, by scaling and squaring (Arsigny et al. 2006).

    Parameters
    ----------
    velocity
        Shape (3, nx, ny, nz), in mm along the array axes; taken as constant beyond the edges.
    spacing_mm
        Voxel size.
    steps
        Squarings: the first step is a ``2**steps``-th of the velocity.

    Returns
    -------
    Displacement u in mm, of the same shape: the point at x ends at x + u(x).
    """
    displacement = velocity / np.float32(2**steps)
    for _ in range(steps):
        points = _voxels_at(displacement, spacing_mm)
        displacement = displacement + np.stack(
            [map_coordinates(component, points, order=1, mode="nearest") for component in displacement]
        )
    return displacement


def _voxels_at(displacement: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    """Fractional voxel indices of the displaced voxels, shape (3, nx, ny, nz)."""
    index = np.indices(displacement.shape[1:], dtype=np.float32)
    index += displacement / np.float32(spacing_mm)
    return index


def _pull_back(data: NDArray[np.float32], displacement: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    """Values at the displaced voxels by linear interpolation, zero outside the image."""
    return map_coordinates(data, _voxels_at(displacement, spacing_mm), order=1, mode="constant", cval=0.0)


def _jacobian(displacement: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    """Determinant of the derivative of x + u(x), by central differences."""
    rows = [np.gradient(component, spacing_mm) for component in displacement]
    (a, b, c), (d, e, f), (g, h, i) = ([r + (row == axis) for axis, r in enumerate(p)] for row, p in enumerate(rows))
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
