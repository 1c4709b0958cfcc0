from __future__ import annotations

import numpy as np
import pytest
import torch

from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_volume
from gliofit.core.labels import TissueLabel, TumourLabel
from gliofit.forward.run import run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.methods.static_field import StaticField, StaticLoss
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, invert_case
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation

from .fakes import configured, grow, invert, overlap, segmented

WHO = {"run": "r", "cohort": "patients", "case": "c", "method": "static-field", "seed": 1}


def static(observation, **keys):
    return invert(observation, configured("static-field", steps=150, **keys))


@pytest.fixture(scope="module")
def grown(mixed) -> Volume:
    return grow(mixed, Theta((12.0, -6.0, 8.0), 14.0, 3.0))


@pytest.fixture(scope="module")
def segmentation(grown) -> Volume:
    return segmented(grown, whole=0.2)


@pytest.fixture(scope="module")
def fitted(mixed, segmentation):
    return static(SegmentationObservation(segmentation, mixed))


def test_field_shows_the_segmentation(fitted, segmentation):
    assert (fitted.status, fitted.theta) == ("ok", None)
    field = fitted.concentration
    assert field.grid.matches(segmentation.grid)
    assert 0 <= field.data.min() <= field.data.max() <= 1
    # Voxels of 4 mm are wider than the front, so that smoothness costs some of the overlap.
    assert overlap(field.data > 0.2, segmentation.data > 0) > 0.9
    assert overlap(field.data > 0.6, segmentation.data == TumourLabel.ENHANCING) > 0.85
    assert len(fitted.trace) == fitted.evaluations == 150
    assert fitted.loss < fitted.trace["loss"].iloc[0] / 2
    assert fitted.trace[list(SPACE.columns)].isna().all(axis=None)


def test_orientation_and_coarser_voxels_do_not_move_the_field(mixed, segmentation, fitted):
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = mixed.grid.shape[0] - 1
    grid = type(mixed.grid)(mixed.grid.shape, mixed.grid.affine @ flip)
    turned = type(mixed)(mixed.wm[::-1], mixed.gm[::-1], mixed.csf[::-1], grid)
    result = static(SegmentationObservation(segmentation, turned)).concentration
    assert result.grid.matches(grid)
    assert np.abs(result.data[::-1] - fitted.concentration.data).max() < 1e-3
    coarse = static(SegmentationObservation(segmentation, mixed), spacing_mm=8.0).concentration
    assert coarse.grid.matches(mixed.grid)
    assert overlap(coarse.data > 0.2, segmentation.data > 0) > 0.8


def test_a_concentration_is_cut_at_the_thresholds(mixed, grown, fitted):
    result = static(ConcentrationObservation(grown, mixed))
    assert overlap(result.concentration.data > 0.2, fitted.concentration.data > 0.2) > 0.97
    failed = static(ConcentrationObservation(Volume(grown.data * 0.1, grown.grid), mixed))
    assert failed.status == "failed"
    assert "threshold_whole" in failed.message


def test_loss_of_a_travelling_front():
    k = 0.4
    x = torch.arange(-20, 20, 0.25, dtype=torch.float64)
    field = torch.sigmoid(-k * x)[:, None, None].expand(-1, 4, 4).clone()
    brain = torch.ones_like(field)
    nothing = torch.zeros_like(field)

    def loss(weights, steepness, mask=nothing):
        keys = {"inverter": "static-field", "front_weight": weights[0], "smooth_weight": weights[1]}
        static_loss = StaticLoss(mask, nothing, brain, 0.25, StaticField.model_validate(keys))
        return float(static_loss(field, torch.tensor(steepness)))

    # |grad c| = k c (1 - c) holds only for the k of the front.
    assert loss((1.0, 0.0), k) < 1e-6
    assert loss((1.0, 0.0), 1.3 * k) > 1e-4
    assert loss((0.0, 1.0), k) > 0
    assert loss((0.0, 0.0), k, (field > 0.2).to(field.dtype)) < 0.01
    assert loss((0.0, 0.0), k, (field > 0.5).to(field.dtype)) > 0.02


def test_files_of_a_case(tmp_path, mixed, segmentation):
    case = tmp_path / "case"
    mixed.save(case)
    write_volume(case / "segmentation.nii.gz", segmentation)
    inputs = CaseFiles(case, "patients", "c", "probabilities")
    settings = configured("static-field", steps=150, patient_observation="segmentation")
    invert_case(inputs, "static-field", settings, Networks(), tmp_path / "i", "r", 1, 1)
    row = read_table(tmp_path / "i/parameters.parquet").iloc[0]
    assert (row["status"], row["observation"]) == ("ok", "segmentation")
    assert row[list(SPACE.columns)].isna().all()
    files = tmp_path / "i/parameters.parquet", tmp_path / "f", ForwardSettings(), "probabilities"
    run_forward(case, *files, field=tmp_path / "i/concentration.nii.gz", **WHO)
    result = read_volume(tmp_path / "f/concentration.nii.gz")
    written = read_volume(tmp_path / "i/concentration.nii.gz")
    visible = mixed.labels >= TissueLabel.GREY_MATTER
    assert np.array_equal(result.data, np.where(visible, written.data, np.float32(0)))
    done = read_table(tmp_path / "f/forward.parquet").iloc[0]
    assert (done["status"], done["integrator"], done["steps"]) == ("ok", "none", 0)
    assert done["volume_mm3"] == pytest.approx(result.data.sum(dtype=float) * 64)
