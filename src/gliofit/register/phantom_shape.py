"""Shape of a phantom's head: a random affine and a random diffeomorphic deformation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume
from gliofit.paper import EXTENT_MM
from gliofit.register.quality import RAS_TO_LPS, jacobian_determinant
from gliofit.register.settings import PhantomSettings

#: Spacing of the velocity field, a quarter of its smoothness or less, so that linear interpolation is accurate.
_FIELD_SPACING_MM = 4.0


def phantom_grid(spacing_mm: float) -> Grid:
    """Return the BraTS grid (240 x 240 x 155 voxels of 1 mm, LPS) at any spacing."""
    shape = tuple(int(np.ceil(n / spacing_mm)) for n in EXTENT_MM)
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    middle = (spacing_mm - 1) / 2
    affine[:3, 3] = -middle, 239 - middle, middle
    return Grid((shape[0], shape[1], shape[2]), affine)


@dataclass(frozen=True, eq=False)
class PhantomShape:
    """Map from positions of a phantom to positions of the atlas: first the deformation, then the affine.

    The displacements in RAS mm, shape ``(*grid.shape, 3)``, cover the phantom's field of view. The affine is
    ``atlas = atlas_centre_mm + matrix @ (position - centre_mm)``. ``smallest_volume_change`` is the smallest Jacobian
    determinant of the deformation, always positive.
    """

    grid: Grid
    displacement_mm: NDArray[np.float32]
    matrix: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    atlas_centre_mm: NDArray[np.float64]
    smallest_volume_change: float

    @classmethod
    def draw(
        cls, generator: np.random.Generator, onto: Grid, atlas_centre_mm: NDArray[np.float64], settings: PhantomSettings
    ) -> PhantomShape:
        """Draw a shape; a deformation that almost folds is drawn again at two thirds of its strength."""
        scale = settings.scale + settings.scale_spread * generator.standard_normal(3)
        rotation = _rotation(np.deg2rad(settings.rotation_degrees) * generator.standard_normal(3))
        matrix = rotation @ np.diag(1 / scale)
        shape = tuple(
            int(np.ceil(n * s / _FIELD_SPACING_MM)) + 1 for n, s in zip(onto.shape, onto.spacing_mm, strict=True)
        )
        affine = onto.affine.copy()
        affine[:3, :3] *= _FIELD_SPACING_MM / onto.isotropic_spacing_mm
        grid = Grid((shape[0], shape[1], shape[2]), affine)
        strength = settings.deformation_mm
        for _ in range(8):
            velocity = _velocity(generator, grid, strength, settings.deformation_smoothness_mm)
            displacement = integrate_velocity(velocity, grid)
            change = float(jacobian_determinant(displacement @ RAS_TO_LPS.astype(np.float32), grid).min())
            if change > 0.2:
                break
            strength *= 2 / 3
        else:
            raise RuntimeError("no deformation without folding was obtained; lower deformation_mm")
        return cls(grid, displacement, matrix, onto.centre_mm, np.asarray(atlas_centre_mm, float), change)

    def pull(self, volume: Volume, onto: Grid) -> Volume:
        """Warp an atlas volume onto a phantom grid by linear interpolation."""
        from scipy.ndimage import map_coordinates

        index = np.ascontiguousarray(np.moveaxis(np.indices(onto.shape), 0, -1))
        world = onto.voxel_to_world(index).astype(np.float32)
        field_voxel = np.moveaxis(self.grid.world_to_voxel(world), -1, 0)
        for component in range(3):
            world[..., component] += map_coordinates(
                self.displacement_mm[..., component], field_voxel, order=1, mode="nearest"
            )
        position = self.atlas_centre_mm + (world - self.centre_mm) @ self.matrix.T
        voxels = np.moveaxis(volume.grid.world_to_voxel(position).astype(np.float32), -1, 0)
        return Volume(map_coordinates(volume.data.astype(np.float32), voxels, order=1, mode="constant", cval=0), onto)


def integrate_velocity(velocity_mm: NDArray[np.floating], grid: Grid) -> NDArray[np.float32]:
    """Integrate a stationary velocity over unit time by scaling and squaring; returns displacements in RAS mm.

    The flow of a smooth velocity is invertible, so the deformation does not fold.
    """
    from scipy.ndimage import map_coordinates

    longest = float(np.sqrt((velocity_mm**2).sum(axis=-1)).max())
    halvings = max(0, int(np.ceil(np.log2(max(longest, 1e-9) / (0.25 * min(grid.spacing_mm))))))
    displacement = velocity_mm.astype(np.float64) / 2**halvings
    to_voxels = np.linalg.inv(grid.affine[:3, :3])
    index = np.indices(grid.shape).astype(np.float64)
    for _ in range(halvings):
        position = index + np.moveaxis(displacement @ to_voxels.T, -1, 0)
        steps = [map_coordinates(displacement[..., c], position, order=1, mode="nearest") for c in range(3)]
        displacement = displacement + np.stack(steps, axis=-1)
    return np.asarray(displacement, np.float32)


def _velocity(
    generator: np.random.Generator, grid: Grid, length_mm: float, smoothness_mm: float
) -> NDArray[np.float64]:
    """Return smooth random vectors with the given root mean square length."""
    from scipy.ndimage import gaussian_filter

    noise = generator.standard_normal((*grid.shape, 3))
    sigma = smoothness_mm / grid.isotropic_spacing_mm
    smooth = np.stack([gaussian_filter(noise[..., c], sigma, mode="reflect") for c in range(3)], axis=-1)
    size = float(np.sqrt((smooth**2).sum(axis=-1).mean()))
    return np.asarray(smooth * (length_mm / size))


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product of rotations about the three axes."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out
