"""Detection of flipped and rotated brains."""

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


def misorient(brain: Volume, axes: tuple[int, ...] = (0, 1, 2), flips: tuple[int, ...] = ()) -> Volume:
    """Transpose and flip the array without its affine, as a wrong conversion does."""
    data = np.ascontiguousarray(np.flip(brain.data.transpose(axes), flips))
    return Volume(data, Grid(data.shape, brain.grid.affine))


def test_any_axis_order_with_a_correct_affine(brain: Volume, atlas: Atlas) -> None:
    for reordered in (brain.canonical(), brain.oriented_like(Grid((2, 2, 2), np.eye(4)[[2, 0, 1, 3]]))):
        assert compare_orientation(reordered, atlas.brain_mask).dice_best == pytest.approx(
            compare_orientation(reordered, atlas.brain_mask).dice_as_read
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
def test_misoriented_brains_are_refused(
    brain: Volume, atlas: Atlas, axes: tuple[int, ...], flips: tuple[int, ...], words: str
) -> None:
    with pytest.raises(RegistrationError, match=words):
        check_orientation("case", misorient(brain, axes, flips), atlas.brain_mask, **LIMITS)


def test_left_right_flips_are_not_detected(brain: Volume, atlas: Atlas) -> None:
    pose = check_orientation("case", misorient(brain, flips=(0,)), atlas.brain_mask, **LIMITS)
    assert pose.dice_as_read > 0.9


def test_other_shapes_are_refused(brain: Volume, atlas: Atlas) -> None:
    rod = np.zeros(brain.grid.shape, bool)
    rod[20:28, 20:28, 1:30] = True
    with pytest.raises(RegistrationError, match="brain_mask"):
        check_orientation("case", Volume(rod, brain.grid), atlas.brain_mask, **LIMITS)
    with pytest.raises(RegistrationError):
        compare_orientation(Volume(np.zeros(brain.grid.shape, bool), brain.grid), atlas.brain_mask)


def test_cropped_field_of_view_is_accepted(brain: Volume, atlas: Atlas) -> None:
    lowest = np.flatnonzero(brain.data.any(axis=(0, 1)))[0]
    for cut in (slice(0, lowest + 5), slice(-7, None)):
        data = brain.data.copy()
        data[:, :, cut] = False
        check_orientation("case", Volume(data, brain.grid), atlas.brain_mask, **LIMITS)


@pytest.mark.shared_data
@pytest.mark.parametrize("case", ["BraTS-GLI-00000-000", "BraTS2021_00006"])
def test_reference_patients_as_read_and_flipped(shared_data: Path, atlas: Atlas, case: str) -> None:
    (patient,), _ = find_cohort(PatientsSettings(source=shared_data / "patients", include=(case,)), seed=1)
    t1 = read_t1(patient.t1, warnings=[])
    brain = Volume(t1.data != 0, t1.grid)
    assert check_orientation(case, brain, atlas.brain_mask, **LIMITS).dice_as_read > 0.92
    with pytest.raises(RegistrationError, match="back to front"):
        check_orientation(case, misorient(brain, flips=(1,)), atlas.brain_mask, **LIMITS)
    assert patient.labels in {convention.labels for convention in CONVENTIONS}
