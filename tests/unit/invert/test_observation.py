from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.labels import TumourLabel as T
from gliofit.observation.imaging import ImagingSettings
from gliofit.observation.observation import (
    ConcentrationObservation,
    EmptyObservationError,
    SegmentationObservation,
    pseudo_concentration,
    tumour_masks,
)

from .fakes import TRUTH, blob_volume, segmented

GRID = Grid((20, 20, 20), np.diag([5.0, 5.0, 5.0, 1.0]))  # 0.125 cc per voxel


def segmentation(**counts: int) -> Volume:
    """As many voxels of each label as named."""
    data = np.zeros(GRID.shape, np.uint8)
    values = np.concatenate([np.full(n, T[name.upper()], np.uint8) for name, n in counts.items()])
    data.reshape(-1)[: len(values)] = values
    return Volume(data, GRID)


@pytest.mark.parametrize(
    ("counts", "core", "says"),
    [
        ({"necrotic": 10, "oedema": 40, "enhancing": 20}, {T.NECROTIC, T.ENHANCING}, None),
        ({"necrotic": 10, "oedema": 40, "enhancing": 12}, {T.NECROTIC, T.ENHANCING}, None),  # exactly 1.5 cc
        ({"necrotic": 10, "oedema": 40, "enhancing": 11}, {T.NECROTIC}, "non-enhancing core"),
        ({"necrotic": 10, "oedema": 40}, {T.NECROTIC}, "0.0 cc of enhancing"),
        ({"non_enhancing": 5, "necrotic": 5, "oedema": 4}, {T.NECROTIC, T.NON_ENHANCING}, "non-enhancing core"),
        ({"oedema": 40, "enhancing": 4}, {T.ENHANCING}, "only 0.5 cc"),
        ({"oedema": 40}, set(), "no core"),
    ],
)
def test_core_and_its_fallback(counts, core, says):
    volume = segmentation(**counts)
    masks = tumour_masks(volume, 1.5)
    assert np.count_nonzero(masks.whole) == sum(counts.values())
    assert {T(v) for v in np.unique(volume.data[masks.core])} == core
    assert np.count_nonzero(masks.core) == sum(n for name, n in counts.items() if T[name.upper()] in core)
    assert (says is None) == (masks.notes == ())
    assert says is None or says in masks.notes[0]


def test_nothing_to_see_is_an_error_of_its_own(cube):
    data = np.zeros(cube.grid.shape, np.uint8)
    data[0, 0, 0] = 1
    with pytest.raises(EmptyObservationError, match="white"):
        ConcentrationObservation(Volume(data.astype(np.float32), cube.grid), cube)
    with pytest.raises(EmptyObservationError, match="white"):
        SegmentationObservation(Volume(data, cube.grid), cube)


def test_noisy_values_are_taken_as_they_are(cube):
    data = np.random.default_rng(1).normal(0.5, 1.0, cube.grid.shape).astype(np.float32)
    volume = Volume(data, cube.grid)
    with pytest.raises(InputError, match="between 0 and 1"):
        ConcentrationObservation(volume, cube)
    observation = ConcentrationObservation(volume, cube, noisy=True)
    inside = cube.labels >= 2
    np.testing.assert_array_equal(observation.concentration.data, np.where(inside, data, 0))
    assert observation.concentration.data.min() < 0
    assert observation.concentration.data.max() > 1
    with pytest.raises(EmptyObservationError, match="white"):
        ConcentrationObservation(Volume(-data, cube.grid), cube, noisy=True)
    data[10, 10, 10] = np.nan
    with pytest.raises(InputError, match="not finite"):
        ConcentrationObservation(volume, cube, noisy=True)


def test_pseudo_concentration_has_the_borders_of_the_segmentation(cube):
    field, imaging = blob_volume(cube, TRUTH), ImagingSettings()
    volume = segmented(field)
    masks = tumour_masks(volume, 1.5)
    drawn = pseudo_concentration(masks, volume, imaging).data
    assert (drawn[masks.core] >= imaging.threshold_core).all()
    assert (drawn[masks.whole] >= imaging.threshold_whole).all()
    assert (drawn[masks.whole & ~masks.core] <= imaging.threshold_core).all()
    assert (drawn[~masks.whole] <= imaging.threshold_whole).all()
    # Falls off to nothing, and is close to the front the segmentation was made from.
    assert drawn[0, 0, 0] == 0
    assert np.abs(drawn - field.data)[masks.whole].mean() < 0.1
