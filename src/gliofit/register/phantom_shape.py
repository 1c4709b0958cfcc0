"""Shape of a phantom's head: a random affine and a random smooth deformation that cannot fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume
from gliofit.paper import EXTENT_MM
from gliofit.register.quality import jacobian_determinant
from gliofit.register.settings import PhantomSettings

__all__ = ["PhantomShape", "integrate_velocity", "phantom_grid"]

#: Spacing of the velocity field. It is smooth over four times as much, so that linear interpolation is exact enough.
_FIELD_SPACING_MM = 4.0
_LPS = np.diag([-1.0, -1.0, 1.0])


def phantom_grid(spacing_mm: float) -> Grid:
    """The BraTS grid (240 x 240 x 155 voxels of 1 mm, LPS) at any spacing."""
    shape = tuple(int(np.ceil(n / spacing_mm)) for n in EXTENT_MM)
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    middle = (spacing_mm - 1) / 2
    affine[:3, 3] = -middle, 239 - middle, middle
    return Grid((shape[0], shape[1], shape[2]), affine)


@dataclass(frozen=True, eq=False)
class PhantomShape:
    """Map from a phantom's positions to the atlas': first the deformation, then the affine.

    Parameters
    ----------
    grid
        Grid of the displacement field, which spans the phantom's field of view.
    displacement_mm
        Displacements in RAS mm, shape ``(*grid.shape, 3)``.
    matrix, centre_mm, atlas_centre_mm
        The affine: ``atlas = atlas_centre_mm + matrix @ (position - centre_mm)``.
    smallest_volume_change
        Smallest Jacobian determinant of the deformation; always positive.
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
        """Draw a shape; a deformation that comes near folding is drawn again at two thirds of the strength."""
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
            change = float(jacobian_determinant(displacement @ _LPS.astype(np.float32), grid).min())
            if change > 0.2:
                break
            strength *= 2 / 3
        else:
            raise RuntimeError("no deformation without folds was found; lower deformation_mm")
        return cls(grid, displacement, matrix, onto.centre_mm, np.asarray(atlas_centre_mm, float), change)

    def pull(self, volume: Volume, onto: Grid, where: tuple[slice, slice, slice] | None = None) -> Volume:
        """Bring an atlas volume onto a phantom grid, linearly; ``where`` limits the work to a box."""
        from scipy.ndimage import map_coordinates

        box = where or tuple(slice(0, n) for n in onto.shape)
        out = np.zeros(onto.shape, np.float32)
        out[box] = map_coordinates(
            volume.data.astype(np.float32), self._atlas_voxels(volume.grid, onto, box), order=1, mode="constant", cval=0
        )
        return Volume(out, onto)

    def _atlas_voxels(self, atlas: Grid, onto: Grid, box: tuple[slice, ...]) -> NDArray[np.float32]:
        """Atlas voxel of every phantom voxel of a box, shape (3, *box)."""
        from scipy.ndimage import map_coordinates

        index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1)
        world = onto.voxel_to_world(index).astype(np.float32)
        field_voxel = np.moveaxis(self.grid.world_to_voxel(world), -1, 0)
        for component in range(3):
            world[..., component] += map_coordinates(
                self.displacement_mm[..., component], field_voxel, order=1, mode="nearest"
            )
        position = self.atlas_centre_mm + (world - self.centre_mm) @ self.matrix.T
        return np.moveaxis(atlas.world_to_voxel(position).astype(np.float32), -1, 0)


def integrate_velocity(velocity_mm: NDArray[np.floating], grid: Grid) -> NDArray[np.float32]:
    """Displacement (RAS mm) of flowing along a stationary velocity for unit time, by scaling and squaring.

    The flow of a smooth velocity has an inverse, the flow backwards, which is why it does not fold.
    """
    from scipy.ndimage import map_coordinates

    longest = float(np.sqrt((velocity_mm**2).sum(axis=-1)).max())
    halvings = max(0, int(np.ceil(np.log2(max(longest, 1e-9) / (0.25 * min(grid.spacing_mm))))))
    displacement = velocity_mm.astype(np.float64) / 2**halvings
    to_voxels = np.linalg.inv(grid.affine[:3, :3])
    index = np.indices(grid.shape).astype(np.float64)
    for _ in range(halvings):
        arrived = index + np.moveaxis(displacement @ to_voxels.T, -1, 0)
        further = [map_coordinates(displacement[..., c], arrived, order=1, mode="nearest") for c in range(3)]
        displacement = displacement + np.stack(further, axis=-1)
    return displacement.astype(np.float32)


def _velocity(
    generator: np.random.Generator, grid: Grid, length_mm: float, smoothness_mm: float
) -> NDArray[np.float64]:
    """Smooth random vectors with the given root mean square length."""
    from scipy.ndimage import gaussian_filter

    noise = generator.standard_normal((*grid.shape, 3))
    sigma = smoothness_mm / grid.isotropic_spacing_mm
    smooth = np.stack([gaussian_filter(noise[..., c], sigma, mode="reflect") for c in range(3)], axis=-1)
    size = np.sqrt((smooth**2).sum(axis=-1).mean())
    return smooth * (length_mm / size)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations about the three axes, one after the other."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out
