"""Headers that lie: flipped and turned brains are told from brains that lie as they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gliofit.atlas.model import Atlas
from gliofit.core.errors import RegistrationError
from gliofit.core.grid import Grid, Volume
from gliofit.register.images import read_patient, read_t1
from gliofit.register.naming import CONVENTIONS
from gliofit.register.orientation import check_orientation, compare_orientation
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import find_cohort
from gliofit.register.settings import PatientsSettings

LIMITS = {"margin": 0.02, "minimum": 0.8}


@pytest.fixture(scope="module")
def brain(phantom: PatientFiles) -> Volume:
    return read_patient(phantom, warnings=[]).brain


def spoil(brain: Volume, axes: tuple[int, ...] = (0, 1, 2), flips: tuple[int, ...] = ()) -> Volume:
    """Turn the array and keep the header's directions, as a wrong conversion does."""
    data = np.ascontiguousarray(np.flip(brain.data.transpose(axes), flips))
    return Volume(data, Grid(data.shape, brain.grid.affine))


def test_the_order_of_the_axes_does_not_matter_if_the_header_tells_it(brain: Volume, atlas: Atlas) -> None:
    for turned in (brain.canonical(), brain.oriented_like(Grid((2, 2, 2), np.eye(4)[[2, 0, 1, 3]]))):
        assert compare_orientation(turned, atlas.brain_mask).dice_best == pytest.approx(
            compare_orientation(turned, atlas.brain_mask).dice_as_read
        )


@pytest.mark.parametrize(
    ("axes", "flips", "words"),
    [
        ((0, 1, 2), (1,), "back to front"),
        ((0, 1, 2), (0, 1), "back to front"),
        ((0, 1, 2), (2,), "upside down"),
        ((0, 1, 2), (1, 2), "back to front and upside down"),
        ((1, 0, 2), (), "axes exchanged"),
        ((2, 1, 0), (), "axes exchanged"),
        ((1, 2, 0), (0,), "axes exchanged"),
    ],
)
def test_turned_brains_stop_the_case(
    brain: Volume, atlas: Atlas, axes: tuple[int, ...], flips: tuple[int, ...], words: str
) -> None:
    with pytest.raises(RegistrationError, match=words):
        check_orientation("case", spoil(brain, axes, flips), atlas.brain_mask, **LIMITS)


def test_left_and_right_cannot_be_told_apart_and_do_not_stop(brain: Volume, atlas: Atlas) -> None:
    found = check_orientation("case", spoil(brain, flips=(0,)), atlas.brain_mask, **LIMITS)
    assert found.dice_as_read > 0.9


def test_what_is_no_brain_is_refused(brain: Volume, atlas: Atlas) -> None:
    rod = np.zeros(brain.grid.shape, bool)
    rod[20:28, 20:28, 1:30] = True
    with pytest.raises(RegistrationError, match="brain_mask"):
        check_orientation("case", Volume(rod, brain.grid), atlas.brain_mask, **LIMITS)
    with pytest.raises(RegistrationError):
        compare_orientation(Volume(np.zeros(brain.grid.shape, bool), brain.grid), atlas.brain_mask)


def test_a_cut_field_of_view_is_not_taken_for_a_turned_brain(brain: Volume, atlas: Atlas) -> None:
    lowest = np.flatnonzero(brain.data.any(axis=(0, 1)))[0]
    for cut in (slice(0, lowest + 5), slice(-7, None)):
        data = brain.data.copy()
        data[:, :, cut] = False
        check_orientation("case", Volume(data, brain.grid), atlas.brain_mask, **LIMITS)


@pytest.mark.shared_data
@pytest.mark.parametrize("case", ["BraTS-GLI-00000-000", "BraTS2021_00006"])
def test_real_patients_pass_as_read_and_stop_when_flipped(shared_data: Path, atlas: Atlas, case: str) -> None:
    (patient,), _ = find_cohort(PatientsSettings(source=shared_data / "patients", include=(case,)), seed=1)
    t1 = read_t1(patient.t1, warnings=[])
    brain = Volume(t1.data != 0, t1.grid)
    assert check_orientation(case, brain, atlas.brain_mask, **LIMITS).dice_as_read > 0.92
    with pytest.raises(RegistrationError, match="back to front"):
        check_orientation(case, spoil(brain, flips=(1,)), atlas.brain_mask, **LIMITS)
    assert patient.labels in {convention.labels for convention in CONVENTIONS}
