from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance
from scipy.ndimage import gaussian_filter

from gliofit.metrics.masks import surface_distances_mm

SPACING = (1.0, 2.0, 5.0)


def box(i, j, k, shape=(30, 20, 10)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[slice(*i), slice(*j), slice(*k)] = True
    return mask


def test_the_percentile_is_of_the_worse_direction():
    """One stray voxel in 201 is beyond 5 %; a plate of 40 of its own in 240 is not."""
    plate = box((5, 6), (0, 20), (0, 10))
    stray = plate.copy()
    stray[25, 10, 5] = True
    assert surface_distances_mm(plate, stray, SPACING)[1] == 0
    more = plate | box((25, 26), (0, 20), (4, 6))
    assert surface_distances_mm(plate, more, SPACING)[1] == 20
    assert surface_distances_mm(more, plate, SPACING)[1] == 20


def test_bars_of_different_length_by_hand():
    """Ten voxels of 3 mm against twelve with the same first ones.

    Distances from the longer bar are ten zeros, 3 and 6 mm; the 95th percentile lies at position 0.95 x 11 = 10.45 of
    the sorted twelve, 3 + 0.45 x 3 mm. From the shorter bar all are zero.
    """
    short, long = box((3, 13), (5, 6), (2, 3)), box((3, 15), (5, 6), (2, 3))
    mean, high = surface_distances_mm(short, long, (3.0, 1.0, 1.0))
    assert high == pytest.approx(4.35)
    assert mean == pytest.approx(9 / 22)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_monai_on_random_blobs_that_touch_the_edge(seed):
    rng = np.random.default_rng(seed)
    spacing = tuple(rng.uniform(0.5, 3.0, 3))
    first, second = (gaussian_filter(rng.normal(size=(22, 17, 13)), 2) > 0.03 for _ in range(2))
    assert first[0].any()
    tensors = [torch.from_numpy(mask)[None, None] for mask in (first, second)]
    expected = compute_hausdorff_distance(
        *tensors, include_background=True, percentile=95, directed=False, spacing=spacing
    )
    assert surface_distances_mm(first, second, spacing)[1] == pytest.approx(expected.item(), rel=1e-6)


def test_an_empty_mask_has_no_surface():
    assert np.isnan(surface_distances_mm(box((3, 5), (3, 5), (3, 5)), box((0, 0), (0, 0), (0, 0)), SPACING)).all()
