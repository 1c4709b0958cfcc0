"""Learn-Morph-Infer: theta read in the atlas, the tumour grown there, point and image brought back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.core.crop import Crop, CropSettings, centre_of_mass_mm
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.invert.atlas_map import AtlasMap
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, invert_case
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation
from gliofit.register.ants import Transforms, load_ants

from .fakes import configured, grow, invert, segmented

TRUTH = Theta((20.0, -12.0, 8.0), 7.0, 3.5)
CUBE = CropSettings(size=24, spacing_mm=8.0)
FILES = ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz")


class FakeAtlasNetwork:
    """Answers with a fixed theta in the atlas' world mm, whatever it sees, and keeps that."""

    crop = CUBE
    theta_mean = torch.tensor([0.0, 0.0, 0.0, 12.0, 4.0])
    theta_low = torch.tensor([-70.0, -70.0, -70.0, 2.0, 1.0])
    theta_high = torch.tensor([70.0, 70.0, 70.0, 30.0, 9.0])
    centre_mm = np.array([2.0, 1.0, -3.0])

    def __init__(self, theta: np.ndarray) -> None:
        self.theta, self.seen = np.asarray(theta, dtype=float), None

    def cube(self, grid: Grid) -> Crop:
        return Crop.around(grid, self.centre_mm, self.crop)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        self.seen = image
        # Relative to the cube on any of the brain's grids here: all have voxels of 4 mm in the same places.
        centre = self.cube(BRAIN_GRID).centre_mm
        return torch.tensor(self.theta - [*centre, 0, 0], dtype=torch.float32)[None]


BRAIN_GRID = Grid((40, 40, 40), np.array([[4.0, 0, 0, -78], [0, 4, 0, -78], [0, 0, 4, -78], [0, 0, 0, 1]]))


@dataclass(eq=False)
class ShiftMap(AtlasMap):
    """A patient whose brain is the atlas' moved by whole voxels."""

    voxels: tuple[int, int, int] = (0, 0, 0)

    def to_atlas(self, volume: Volume) -> Volume:
        return Volume(np.roll(volume.data, [-v for v in self.voxels], (0, 1, 2)), volume.grid)

    def to_patient(self, volume: Volume) -> Volume:
        return Volume(np.roll(volume.data, self.voxels, (0, 1, 2)), volume.grid)

    def point_to_patient(self, point_mm):
        return np.asarray(point_mm) + 4.0 * np.array(self.voxels)


def grown(tissue: Tissue, theta: Theta = TRUTH) -> Volume:
    return Volume(np.where(tissue.visible, grow(tissue, theta).data, 0).astype(np.float32), tissue.grid)


def run(observation, atlas: AtlasMap, answer: np.ndarray, **keys):
    network = FakeAtlasNetwork(answer)
    return invert(observation, configured("lmi", **keys), networks=Networks(lmi=network), atlas=atlas), network


@pytest.fixture
def observation(brain) -> ConcentrationObservation:
    return ConcentrationObservation(grown(brain), brain)


def test_what_the_network_sees_of_a_segmentation(brain):
    field = grown(brain)
    observation = SegmentationObservation(segmented(field), brain)
    _, network = run(observation, AtlasMap(brain), TRUTH.to_array())
    _, released = run(observation, AtlasMap(brain), TRUTH.to_array(), as_released=True)
    image, other = network.seen[0].numpy(), released.seen[0].numpy()
    cube = network.cube(brain.grid)
    for value, threshold in ((0.333, 0.33), (0.999, 0.6)):
        # The greater part of a voxel.
        mask = cube.volume(Volume((field.data > threshold).astype(np.float32), brain.grid)).data >= 0.5
        np.testing.assert_array_equal(image >= value - 1e-6, mask)
    np.testing.assert_allclose(other, np.where(image > 0.5, 0.666, image), atol=1e-6)
    assert (image > 0.5).any()


def test_point_and_image_travel_together(brain):
    voxels = (2, -1, 1)
    patient = Tissue(*(np.roll(data, voxels, (0, 1, 2)) for data in (brain.wm, brain.gm, brain.csf)), brain.grid)
    observation = SegmentationObservation(segmented(grown(patient, TRUTH)), patient)
    answer = np.array([10.0, 4.0, -6.0, 6.0, 3.0])
    found, network = run(observation, ShiftMap(brain, voxels=voxels), answer)
    moved = 4.0 * np.array(voxels)
    np.testing.assert_allclose(found.theta.to_array(), answer + np.array([*moved, 0, 0]), atol=1e-5)
    in_atlas = grown(brain, Theta.from_array(answer))
    np.testing.assert_allclose(found.concentration.data, np.roll(in_atlas.data, voxels, (0, 1, 2)), atol=1e-6)
    # What the network saw lies where the tumour would be in the atlas.
    crop = network.cube(brain.grid)
    seen = centre_of_mass_mm(Volume(network.seen[0].numpy(), crop.grid))
    np.testing.assert_allclose(seen, TRUTH.origin_mm - moved, atol=3.0)


@pytest.fixture
def registered(tmp_path, brain) -> AtlasMap:
    """A patient who is 10 % smaller than the atlas, shifted, and stored from left to right and back to front."""
    ants = load_ants(1)
    flip = np.diag([-1.0, -1.0, 1.0])
    transform = ants.new_ants_transform(dimension=3)
    transform.set_parameters(np.array([*(1.1 * np.eye(3)).ravel(), *(flip @ (6.0, -4.0, 2.0))]))
    ants.write_transform(transform, str(tmp_path / "affine.mat"))
    grid = Grid((38, 36, 38), np.array([[-4.0, 0, 0, 70], [0, -4, 0, 66], [0, 0, 4, -72], [0, 0, 0, 1]]))
    nothing = ants.from_numpy(np.zeros((8, 8, 8, 3), np.float32), origin=(-80.0,) * 3, spacing=(24.0,) * 3,
                              has_components=True)  # fmt: skip
    for name in ("warp", "inverse_warp"):
        ants.image_write(nothing, str(tmp_path / f"{name}.nii.gz"))
    return AtlasMap(brain, (grid, Transforms(*(tmp_path / name for name in FILES))))


def test_a_registration_carries_point_and_image_to_the_same_place(registered, brain):
    patient = Tissue.from_maps(*(registered.to_patient(brain.map(name)) for name in ("wm", "gm", "csf")))
    # Tumours whose centre is their origin: small, and deep in white matter.
    answer = Theta((10.0, 6.0, -8.0), 4.0, 4.0)
    theirs = registered.to_patient(grown(brain, answer))
    observation = SegmentationObservation(segmented(theirs), patient)
    found, network = run(observation, registered, answer.to_array())
    there = (np.array(answer.origin_mm) - (6.0, -4.0, 2.0)) / 1.1
    np.testing.assert_allclose(found.theta.origin_mm, there, atol=1e-3)
    np.testing.assert_allclose(centre_of_mass_mm(found.concentration), there, atol=0.5)
    assert found.concentration.grid.matches(patient.grid)
    seen = centre_of_mass_mm(Volume(network.seen[0].numpy(), network.cube(brain.grid).grid))
    np.testing.assert_allclose(seen, answer.origin_mm, atol=2.0)
    # mu_D is that in the atlas, where the tumour is larger.
    assert found.theta.mu_d_mm == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("changes", "flagged", "kept"),
    [
        ({}, False, True),
        ({3: 35.0}, True, True),
        ({4: -0.5}, True, False),
        ({0: 69.6, 1: -2.0, 2: -2.0}, True, True),
        ({0: 90.0}, True, False),
    ],
    ids=["usual", "mu_D", "negative mu_rho", "near tissue", "far from tissue"],
)
def test_predictions_unlike_the_training_set_are_flagged(brain, observation, changes, flagged, kept):
    answer = np.array([0.0, 0.0, 0.0, 6.0, 3.0])
    for index, value in changes.items():
        answer[index] = value
    found, _ = run(observation, AtlasMap(brain), answer)
    assert found.extra["out_of_range"] is flagged
    assert bool(found.message) is flagged
    assert np.allclose(found.theta.to_array(), answer, atol=1e-4) is kept
    assert found.concentration.data.max() > 0


def test_a_tumour_that_does_not_arrive_is_a_failed_row(brain, observation):
    away = ShiftMap(brain)
    away.to_atlas = lambda volume: Volume(np.zeros_like(volume.data), volume.grid)
    found, _ = run(observation, away, TRUTH.to_array())
    assert found.status == "failed"
    found, _ = run(observation, AtlasMap(brain), np.full(5, np.nan))
    assert (found.status, found.concentration) == ("failed", None)


def test_stage_writes_theta_and_concentration(brain, observation, tmp_path):
    brain.save(tmp_path / "case")
    write_volume(tmp_path / "case" / "concentration.nii.gz", observation.concentration)
    network = FakeAtlasNetwork(np.array([0.0, 0.0, 0.0, 35.0, 1.5]))
    synthetic = CaseFiles(tmp_path / "case", "synthetic", "case", "labels")
    invert_case(synthetic, "lmi", configured("lmi"), Networks(lmi=network), tmp_path / "out", "r", 1, 1)
    row = pd.read_parquet(tmp_path / "out" / "parameters.parquet").iloc[0]
    assert (row["status"], row["mu_d_mm"], row["observation"]) == ("ok", pytest.approx(35.0), "concentration")
    assert row["out_of_range"]
    assert read_volume(tmp_path / "out" / "concentration.nii.gz").data.max() > 0


def test_a_registered_patient_of_the_stage(registered, brain, tmp_path):
    """The files that stage register writes are enough."""
    patient = Tissue.from_maps(*(registered.to_patient(brain.map(name)) for name in ("wm", "gm", "csf")))
    patient.save(tmp_path / "case")
    brain.save(tmp_path / "atlas")
    answer = Theta((10.0, 6.0, -8.0), 5.0, 3.5)
    field = registered.to_patient(grown(brain, answer))
    write_volume(tmp_path / "case" / "segmentation.nii.gz", segmented(field))
    (tmp_path / "case" / "transforms").mkdir()
    for name in FILES:
        (tmp_path / name).rename(tmp_path / "case" / "transforms" / name)
    network = FakeAtlasNetwork(answer.to_array())
    out = tmp_path / "out"
    files = CaseFiles(tmp_path / "case", "patients", "case", "labels", atlas=tmp_path / "atlas")
    invert_case(files, "lmi", configured("lmi"), Networks(lmi=network), out, "r", 1, 1)
    found = read_volume(out / "concentration.nii.gz").data
    assert np.abs(found - np.where(patient.labels >= 2, field.data, 0)).max() < 0.05
    assert pd.read_parquet(out / "parameters.parquet").loc[0, "observation"] == "segmentation"
