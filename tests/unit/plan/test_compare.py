"""Overlap, surface distances and coverage, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_volume
from gliofit.inputs.images import read_follow_up
from gliofit.plan.compare import COVERAGE_COLUMNS, OVERLAP_COLUMNS, compare_targets, coverage_columns, recurrence_of

GRID = Grid((30, 20, 10), np.diag([1.0, 2.0, 5.0, 1.0]))


def box(i, j, k) -> np.ndarray:
    mask = np.zeros(GRID.shape, bool)
    mask[slice(*i), slice(*j), slice(*k)] = True
    return mask


def test_two_shifted_boxes():
    """Ten by six by three voxels, shifted by four voxels of 1 mm along the first axis."""
    first, second = Volume(box((5, 15), (4, 10), (3, 6)), GRID), Volume(box((9, 19), (4, 10), (3, 6)), GRID)
    row = compare_targets(first, second)
    assert tuple(row) == OVERLAP_COLUMNS
    assert row["clinical_cc"] == row["personalised_cc"] == pytest.approx(180 * 10 / 1000)
    assert row["dice"] == pytest.approx(2 * 108 / 360)
    assert row["clinical_only_cc"] == row["personalised_only_cc"] == pytest.approx(72 * 10 / 1000)
    # The furthest surface voxels, the end faces, are 4 mm from the other box; they are 10 % and more of all.
    assert row["surface_95_mm"] == pytest.approx(4)
    assert 0 < row["surface_mean_mm"] < 4


def test_empty_targets_have_no_distance():
    empty = Volume(np.zeros(GRID.shape, bool), GRID)
    row = compare_targets(empty, Volume(box((5, 6), (0, 20), (0, 10)), GRID))
    assert row["dice"] == 0
    assert np.isnan(row["surface_mean_mm"])
    assert np.isnan(compare_targets(empty, empty)["dice"])


@pytest.fixture
def follow_up(tmp_path):
    """Write label values to a file and read it as a follow-up."""

    def read(values, scheme):
        grid = Grid(values.shape, np.eye(4))
        write_volume(tmp_path / "after.nii.gz", Volume(values.astype(np.int16), grid))
        return recurrence_of(read_follow_up(tmp_path / "after.nii.gz", scheme, grid, warnings=[]).data)

    return read


@pytest.mark.parametrize("scheme", ["brats2023", "brats2024"])
def test_recurrence_of_a_follow_up(scheme, follow_up):
    values = np.zeros((4, 4, 4), np.int32)
    values[0, 0] = [1, 2, 3, 4]
    recurrence = follow_up(values, scheme)
    # A cavity is not tumour.
    assert recurrence.enhancing[0, 0].tolist() == [False, False, True, False]
    assert recurrence.whole[0, 0].tolist() == [True, True, True, False]
    # In brats2021, 4 is enhancing tumour.
    values[0, 0] = [1, 2, 0, 4]
    recurrence = follow_up(values, "brats2021")
    assert recurrence.enhancing[0, 0].tolist() == [False, False, False, True]
    assert recurrence.whole.sum() == 3
    with pytest.raises(InputError) as caught:
        follow_up(values + 7 * (values == 0), "brats2021")
    assert caught.value.code == "labels-of-another-scheme"


def test_coverage():
    """Four enhancing voxels, of which the targets hold three and one; six with oedema, four and two."""
    values = np.zeros(GRID.shape, np.uint8)
    values[0:4, 0, 0] = 3
    values[4:6, 0, 0] = 2
    clinical, personalised = box((1, 5), (0, 1), (0, 1)), box((3, 5), (0, 1), (0, 1))
    row = coverage_columns(Volume(clinical, GRID), Volume(personalised, GRID), recurrence_of(values))
    assert tuple(row) == COVERAGE_COLUMNS
    assert row == pytest.approx(
        {
            "recurrence_cc": 0.04, "recurrence_all_cc": 0.06, "coverage_clinical": 3 / 4,
            "coverage_personalised": 1 / 4, "coverage_clinical_all": 4 / 6, "coverage_personalised_all": 2 / 6,
        }
    )  # fmt: skip
