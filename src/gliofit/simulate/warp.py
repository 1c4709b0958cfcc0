"""Random anatomies: smooth diffeomorphisms of the atlas."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from gliofit.core.grid import Grid, Volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.simulate.settings import WarpSettings

#: Lattice points per standard deviation of the smoothing; the error of splines between them is below 0.1 %.
_LATTICE = 3

#: Largest scaling of axes in standard deviations, so that every brain fits into the field of view.
_MOST_DEVIATIONS = 2.0


def warp_tissue(tissue: Tissue, settings: WarpSettings, seed: int) -> Tissue:
    """Deform tissue by a random diffeomorphism.

    The map is the exponential of a stationary velocity field (Arsigny et al. 2006, doi:10.1007/11866565_113): smoothed
    noise plus a scaling of each axis about the brain's centre. The result is on the same grid: fractions in [0, 1] with
    sums of at most 1.

    Raises
    ------
    ValueError
        If the map folds in the brain.
    InputError
        If the grid is not isotropic.
    """
    # In world directions, so that the warp is independent of the image's orientation.
    turned = tissue.canonical()
    spacing = turned.grid.isotropic_spacing_mm
    inside = turned.wm + turned.gm + turned.csf >= 0.5
    velocity = random_velocity(turned.grid, inside, settings, seed)
    # Structures move along the velocity if the sampled points move against it.
    displacement = integrate_velocity(-velocity, spacing, settings.steps)
    # Zero outside the image.
    maps = _sample((turned.wm, turned.gm, turned.csf), displacement, spacing, "constant")
    np.clip(maps, 0, 1, out=maps)
    maps /= np.maximum(maps.sum(axis=0), 1)
    smallest = _jacobian(displacement, spacing)[maps.sum(axis=0) >= 0.5].min(initial=1.0)
    if smallest <= 0:
        raise ValueError(
            f"the warp folds the brain (Jacobian determinant {smallest:.2g}); lower amplitude_mm or raise smoothness_mm"
        )
    wm, gm, csf = (Volume(data, turned.grid).oriented_like(tissue.grid).data for data in maps)
    return Tissue(wm, gm, csf, tissue.grid)


def random_velocity(grid: Grid, inside: NDArray[np.bool_], settings: WarpSettings, seed: int) -> NDArray[np.float32]:
    """Draw a stationary velocity field for ``integrate_velocity``.

    Parameters
    ----------
    grid
        Canonical, isotropic grid.
    inside
        Brain mask of shape ``grid.shape``: the smooth part has mean zero and root mean square ``amplitude_mm`` there,
        and the scaling is about the centre of its bounding box.

    Returns
    -------
    ndarray
        Velocity in mm towards right, anterior and superior, shape (3, *grid.shape).
    """
    spacing = grid.isotropic_spacing_mm
    rng = np.random.default_rng(derive_seed(seed, "warp"))
    # Drawn first, so that the scaling does not depend on grid and smoothness.
    deviations = np.clip(rng.standard_normal(3), -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    velocity = np.stack([_smooth_noise(grid.shape, settings.smoothness_mm / spacing, rng) for _ in range(3)])
    # A translation does not change the anatomy.
    velocity -= velocity[:, inside].mean(axis=1)[:, None, None, None]
    velocity *= settings.amplitude_mm / np.sqrt((velocity[:, inside] ** 2).sum(axis=0).mean())
    voxels = np.argwhere(inside)
    middle = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
    offsets = ((np.arange(n) - centre) * spacing for n, centre in zip(grid.shape, middle, strict=True))
    for axis, offset in enumerate(np.meshgrid(*offsets, indexing="ij", sparse=True)):
        velocity[axis] += settings.scale * deviations[axis] * offset
    return velocity.astype(np.float32)


def _smooth_noise(shape: tuple[int, int, int], sigma: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return white noise smoothed by a Gaussian of ``sigma`` voxels, in arbitrary units."""
    step = max(1.0, sigma / _LATTICE)
    # Margins wider than the Gaussian, so that the variance is constant up to the edge of the image.
    margin = int(np.ceil(4 * sigma / step)) + 2
    lattice = rng.standard_normal([int(np.ceil(n / step)) + 2 * margin for n in shape])
    lattice = gaussian_filter(lattice, sigma / step, mode="wrap")
    offset = np.full(3, float(margin))
    return np.asarray(affine_transform(lattice, np.eye(3) / step, offset, output_shape=shape, order=3))


def integrate_velocity(velocity: NDArray[np.float32], spacing_mm: float, steps: int) -> NDArray[np.float32]:
    """Integrate a stationary velocity over unit time by scaling and squaring (Arsigny et al. 2006).

    Parameters
    ----------
    velocity
        Shape (3, nx, ny, nz), in mm along the array axes; constant outside the edges.
    steps
        Number of squarings: the first step is a ``2**steps``-th of the velocity.

    Returns
    -------
    ndarray
        Displacement u in mm, of the same shape: x moves to x + u(x).
    """
    displacement = velocity / np.float32(2**steps)
    for _ in range(steps):
        displacement = displacement + _sample(displacement, displacement, spacing_mm, "nearest")
    return displacement


def _sample(
    volumes: Iterable[NDArray[np.float32]], displacement: NDArray[np.float32], spacing_mm: float, mode: str
) -> NDArray[np.float32]:
    """Interpolate volumes linearly at the displaced voxels; ``mode`` as in ``map_coordinates``."""
    points = np.indices(displacement.shape[1:], dtype=np.float32) + displacement / np.float32(spacing_mm)
    return np.stack([map_coordinates(volume, points, order=1, mode=mode) for volume in volumes])


def _jacobian(displacement: NDArray[np.float32], spacing_mm: float) -> NDArray[np.float32]:
    """Return the determinant of the derivative of x + u(x), by central differences."""
    rows = [np.gradient(component, spacing_mm) for component in displacement]
    (a, b, c), (d, e, f), (g, h, i) = ([r + (row == axis) for axis, r in enumerate(p)] for row, p in enumerate(rows))
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
