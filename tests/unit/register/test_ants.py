"""Conversion of images, points and transforms between RAS and the LPS of ANTs."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_volume
from gliofit.register.ants import (
    Transforms,
    apply_to_points,
    apply_transforms,
    load_ants,
    read_displacement,
    register_deformable,
    to_ants,
)
from gliofit.register.settings import RegisterSettings

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def ants():  # type: ignore[no-untyped-def]
    return load_ants(1)


def grids() -> list[Grid]:
    """All axis orders, with flips, an offset and anisotropic voxels."""
    grids = []
    for number, axes in enumerate(permutations(range(3))):
        affine = np.zeros((4, 4))
        for target, source in enumerate(axes):
            affine[target, source] = (2.0 + source) * (-1 if (number >> target) & 1 else 1)
        affine[:, 3] = (11.0, -7.0, 5.0, 1.0)
        grids.append(Grid((5, 6, 7), affine))
    return grids


@pytest.mark.parametrize("grid", grids(), ids=lambda grid: grid.axis_codes)
def test_images_have_the_same_positions(ants, grid: Grid, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = np.random.default_rng(0).random(grid.shape, dtype=np.float32)
    image = to_ants(Volume(data, grid))
    np.testing.assert_array_equal(image.numpy(), data)
    for voxel in ([0, 0, 0], [4, 5, 6], [1, 2, 3]):
        position = ants.transform_index_to_physical_point(image, voxel)
        np.testing.assert_allclose(RAS_TO_LPS @ position, grid.voxel_to_world(voxel), atol=1e-4)
    # ANTs reads the same geometry from the NIfTI file.
    write_volume(tmp_path / "image.nii.gz", Volume(data, grid))
    read = ants.image_read(str(tmp_path / "image.nii.gz"))
    np.testing.assert_allclose(read.origin, image.origin, atol=1e-4)
    np.testing.assert_allclose(read.spacing, image.spacing, atol=1e-5)
    np.testing.assert_allclose(read.direction, image.direction, atol=1e-5)
    np.testing.assert_allclose(read.numpy(), data, rtol=1e-6)


@pytest.fixture
def shift(ants, tmp_path: Path) -> Transforms:  # type: ignore[no-untyped-def]
    """Patient positions go 6 mm right, 4 mm back and 2 mm up to reach the atlas (RAS: +6, -4, +2)."""
    transform = ants.new_ants_transform(dimension=3)
    transform.set_parameters(np.array([*np.eye(3).ravel(), *(RAS_TO_LPS @ (6.0, -4.0, 2.0))]))
    ants.write_transform(transform, str(tmp_path / "shift.mat"))
    return Transforms(tmp_path / "shift.mat")


def test_directions_of_points_and_images(shift: Transforms) -> None:
    patient = Grid((20, 18, 16), np.array([[-2.0, 0, 0, 0], [0, -2, 0, 34], [0, 0, 2, 0], [0, 0, 0, 1]]))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-40.0, -4.0, -4.0)
    atlas = Grid((24, 22, 20), affine)
    place = np.array([-20.0, 16.0, 14.0])
    moved = place + np.array([6.0, -4.0, 2.0])
    np.testing.assert_allclose(apply_to_points(place, shift)[0], moved, atol=1e-4)
    np.testing.assert_allclose(apply_to_points(moved, shift, to_patient=True)[0], place, atol=1e-4)
    dot = np.zeros(atlas.shape, np.float32)
    dot[tuple(np.rint(atlas.world_to_voxel(moved)).astype(int))] = 1
    on_patient = apply_transforms(Volume(dot, atlas), patient, shift)
    assert on_patient.grid is patient
    position = patient.voxel_to_world(np.unravel_index(on_patient.data.argmax(), patient.shape))
    np.testing.assert_allclose(position, place, atol=1e-6)
    back = apply_transforms(on_patient, atlas, shift, inverse=True)
    np.testing.assert_allclose(back.data, dot, atol=1e-5)


def distance(grid: Grid, centre: tuple[float, float, float]) -> np.ndarray:
    """Distance of each voxel from a position in mm."""
    return np.linalg.norm(grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - centre, axis=-1)


def blobs(grid: Grid, *centres_and_widths: tuple[tuple[float, float, float], float]) -> Volume:
    data = sum(np.exp(-((distance(grid, c) / s) ** 2) / 2) for c, s in centres_and_widths)
    return Volume(np.asarray(data, np.float32), grid)


@pytest.fixture
def identity(ants, tmp_path: Path) -> Transforms:  # type: ignore[no-untyped-def]
    ants.write_transform(ants.new_ants_transform(dimension=3), str(tmp_path / "identity.mat"))
    return Transforms(tmp_path / "identity.mat")


def test_deformable_step_ignores_the_masked_tumour(identity: Transforms, tmp_path: Path) -> None:
    """Intensities under the mask change the result only without the mask."""
    grid = Grid((32, 22, 22), np.diag([-2.0, -2.0, 2.0, 1.0]))
    centre = (-46.0, -22.0, 22.0)
    moving = blobs(grid, ((-16, -22, 22), 6.0), (centre, 5.0))
    healthy = blobs(grid, ((-19, -24, 22), 6.0), (centre, 5.0))
    tumour = blobs(grid, ((-46, -20, 24), 2.0))
    with_tumour = Volume(healthy.data - 0.9 * tumour.data, grid)
    settings = RegisterSettings(deformable_iterations=(8,), metric_radius=1)
    around = distance(grid, centre)

    def displacement(fixed: Volume, where: np.ndarray) -> np.ndarray:
        mask = Volume(where.astype(np.float32), grid)
        return read_displacement(register_deformable(fixed, moving, mask, identity, tmp_path / "r", settings, 1))[0]

    masked = [displacement(fixed, around > 16) for fixed in (healthy, with_tumour)]
    assert np.abs(masked[0]).max() > 1.5  # the blob beside the mask was registered
    np.testing.assert_allclose(masked[0], masked[1], atol=0.05)
    assert np.abs(displacement(with_tumour, around > -1) - masked[0]).max() > 0.5
