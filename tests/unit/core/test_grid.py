from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliofit.core.crop import Crop, CropSettings, centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume

LPS = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])


def numbered(shape, affine) -> Volume:
    return Volume(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), Grid(shape, affine))


@given(st.lists(st.floats(-300, 300), min_size=3, max_size=3))
def test_world_and_voxel_are_inverse(point):
    grid = Grid((240, 240, 155), LPS)
    np.testing.assert_allclose(grid.world_to_voxel(grid.voxel_to_world(point)), point, atol=1e-9)


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PIR", "ASL"])
def test_canonical_keeps_every_voxel_in_its_place(codes):
    ras = numbered((4, 5, 6), np.diag([1.0, 1, 1, 1]))
    axes = nib.orientations.axcodes2ornt(codes)
    transform = nib.orientations.ornt_transform(nib.io_orientation(ras.grid.affine), axes)
    data = nib.apply_orientation(ras.data, transform)
    affine = ras.grid.affine @ nib.orientations.inv_ornt_aff(transform, ras.grid.shape)
    turned = Volume(data, Grid(data.shape, affine))
    assert turned.grid.axis_codes == codes
    back = turned.canonical()
    assert back.grid.axis_codes == "RAS"
    np.testing.assert_array_equal(back.data, ras.data)
    assert back.grid.matches(ras.grid)
    again = ras.oriented_like(turned.grid)
    assert again.grid.matches(turned.grid)
    np.testing.assert_array_equal(again.data, turned.data)


def test_coarse_voxels_are_block_means_in_place():
    volume = numbered((5, 4, 3), LPS)
    coarse = volume.coarsen(2)
    assert coarse.grid.shape == (3, 2, 2)
    assert coarse.data[0, 0, 0] == pytest.approx(volume.data[:2, :2, :2].mean())
    np.testing.assert_allclose(coarse.grid.voxel_to_world((0, 0, 0)), volume.grid.voxel_to_world((0.5, 0.5, 0.5)))
    assert coarse.data.sum() * 8 == pytest.approx(volume.data.sum())


def test_extract_pads_with_zeros():
    volume = numbered((4, 4, 4), LPS)
    box = volume.extract((-2, 1, 3), (4, 2, 3))
    np.testing.assert_array_equal(box.data[2:, :, 0], volume.data[:2, 1:3, 3])
    assert not box.data[:2].any()
    assert not box.data[:, :, 1:].any()
    np.testing.assert_allclose(box.grid.voxel_to_world((2, 0, 0)), volume.grid.voxel_to_world((0, 1, 3)))


def test_sample_follows_the_affine():
    volume = numbered((6, 6, 6), LPS)
    shifted = volume.sample(volume.grid.crop((1, 2, 0), (3, 3, 3)), order=1)
    np.testing.assert_allclose(shifted.data, volume.data[1:4, 2:5, :3])


def test_bad_grids_are_refused():
    oblique = np.eye(4)
    oblique[:3, :3] = [[0.9, -0.4, 0], [0.4, 0.9, 0], [0, 0, 1]]
    for affine in (oblique, np.zeros((4, 4)), np.full((4, 4), np.nan)):
        with pytest.raises(InputError):
            Grid((4, 4, 4), affine)
    with pytest.raises(InputError, match="cubes"):
        _ = Grid((4, 4, 4), np.diag([1.0, 1, 2, 1])).isotropic_spacing_mm
    with pytest.raises(InputError, match="multiple"):
        Grid((4, 4, 4), np.eye(4)).coarsening_to(1.5)
    with pytest.raises(ValueError, match="array of shape"):
        Volume(np.zeros((2, 2, 2)), Grid((4, 4, 4), np.eye(4)))
    with pytest.raises(ValueError, match="empty"):
        centre_of_mass_mm(Volume(np.zeros((3, 3, 3)), Grid((3, 3, 3), np.eye(4))))


@pytest.mark.parametrize("affine", [np.diag([2.0, 2, 2, 1]), np.diag([-2.0, -2, 2, 1])])
def test_crop_is_centred_and_the_same_in_any_orientation(affine):
    grid = Grid((40, 44, 36), affine)
    data = np.zeros(grid.shape, np.float32)
    data[3:7, 20:26, 28:32] = 0.5
    volume = Volume(data, grid)
    com = centre_of_mass_mm(volume)
    np.testing.assert_allclose(com, grid.voxel_to_world((4.5, 22.5, 29.5)))
    crop = Crop.around(grid, com, CropSettings(size=16, spacing_mm=4.0))
    cut = crop.volume(volume)
    assert cut.grid.axis_codes == "RAS"
    assert cut.grid.spacing_mm == (4.0, 4.0, 4.0)
    assert cut.grid.matches(crop.grid)
    assert np.abs(crop.centre_mm - com).max() <= 1.0 + 1e-9  # half a source voxel
    assert cut.data.sum() * 8 == pytest.approx(data.sum())
    np.testing.assert_allclose(centre_of_mass_mm(cut), com, atol=1e-5)
