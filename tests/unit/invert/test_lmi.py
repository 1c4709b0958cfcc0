"""Learn-Morph-Infer: theta read in the atlas, the tumour grown there, point and image brought back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from gliofit.core.crop import Crop, CropSettings, centre_of_mass_mm
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.forward.run import run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.invert.atlas_map import AbstractAtlasMap, IdentityMap, RegisteredMap
from gliofit.invert.networks import Networks
from gliofit.invert.problem import ConcentrationObservation, Problem, SegmentationObservation
from gliofit.invert.run import CaseFiles, fit, invert_case
from gliofit.invert.settings import InvertSettings
from gliofit.pipeline.fit import fit_files
from gliofit.register.ants import Transforms, load_ants
from gliofit.solver.registry import make_solver

TRUTH = Theta((20.0, -12.0, 8.0), 7.0, 3.5)
CUBE = CropSettings(size=24, spacing_mm=8.0)


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


class ShiftMap(AbstractAtlasMap):
    """A patient whose brain is the atlas' moved by whole voxels."""

    def __init__(self, tissue: Tissue, voxels: tuple[int, int, int]) -> None:
        super().__init__(tissue)
        self.voxels = voxels

    def to_atlas(self, volume: Volume) -> Volume:
        return Volume(np.roll(volume.data, [-v for v in self.voxels], (0, 1, 2)), volume.grid)

    def to_patient(self, volume: Volume) -> Volume:
        return Volume(np.roll(volume.data, self.voxels, (0, 1, 2)), volume.grid)

    def point_to_patient(self, point_mm):
        return np.asarray(point_mm) + 4.0 * np.array(self.voxels)


def settings(**keys) -> InvertSettings:
    return InvertSettings.model_validate({"methods": {"lmi": {"inverter": "lmi", **keys}}})


def grown(tissue: Tissue, theta: Theta = TRUTH) -> Volume:
    solution = make_solver().solve(tissue, theta).volume
    return Volume(np.where(tissue.labels >= 2, solution.data, 0).astype(np.float32), tissue.grid)


def segmented(field: Volume, core: float = 0.6) -> Volume:
    labels = np.zeros(field.grid.shape, np.uint8)
    labels[field.data > 0.33] = TumourLabel.OEDEMA
    labels[field.data > core] = TumourLabel.ENHANCING
    return Volume(labels, field.grid)


def run(observation, atlas: AbstractAtlasMap, answer: np.ndarray, **keys):
    own, network = settings(**keys), FakeAtlasNetwork(answer)
    problem = Problem.create(observation, own, Networks(lmi=network), atlas=atlas)
    return fit(problem, "lmi", own), network


@pytest.fixture
def observation(brain) -> ConcentrationObservation:
    return ConcentrationObservation(grown(brain), brain)


def test_identity_equals_the_direct_route(brain, observation, tmp_path):
    """With nothing to warp: the network's theta, and the final run of that theta in the very same tissue."""
    answer = np.array([12.0, -8.0, 5.0, 6.0, 3.0])
    found, _ = run(observation, IdentityMap(brain), answer)
    assert found.status == "ok"
    np.testing.assert_allclose(found.theta.to_array(), answer, atol=1e-5)
    brain.save(tmp_path / "case")
    table = pd.DataFrame([{"status": "ok", **dict(zip(
        ("origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho"), found.theta.to_array(), strict=True
    ))}])  # fmt: skip
    table.to_parquet(tmp_path / "p.parquet")
    write_volume(tmp_path / "field.nii.gz", found.concentration)
    who = {"run": "r", "cohort": "synthetic", "case": "c", "method": "lmi", "seed": 1}
    fields = []
    for name, field in (("theta", None), ("field", tmp_path / "field.nii.gz")):
        out = tmp_path / name
        run_forward(tmp_path / "case", tmp_path / "p.parquet", out, ForwardSettings(), "labels", field=field, **who)
        fields.append(read_volume(out / "concentration.nii.gz").data)
    assert fields[0].max() > 0.9
    np.testing.assert_allclose(*fields, atol=1e-6)


def test_what_the_network_sees_of_a_concentration(brain, observation):
    found, network = run(observation, IdentityMap(brain), TRUTH.to_array())
    cube = network.cube(brain.grid)
    seen = cube.volume(observation.concentration).data
    expected = np.select([seen >= 0.6, seen >= 0.33], [0.999, 0.333])
    np.testing.assert_allclose(network.seen[0].numpy(), expected, atol=1e-6)
    assert len(np.unique(expected)) == 3
    _, other = run(observation, IdentityMap(brain), TRUTH.to_array(), threshold_whole=0.1, threshold_core=0.8)
    assert (other.seen > 0).sum() > (network.seen > 0).sum()
    assert (other.seen > 0.5).sum() < (network.seen > 0.5).sum()
    assert found.evaluations == 1


def test_what_the_network_sees_of_a_segmentation(brain):
    field = grown(brain)
    observation = SegmentationObservation(segmented(field), brain)
    _, network = run(observation, IdentityMap(brain), TRUTH.to_array())
    _, released = run(observation, IdentityMap(brain), TRUTH.to_array(), as_released=True)
    image, other = network.seen[0].numpy(), released.seen[0].numpy()
    cube = network.cube(brain.grid)
    for value, threshold in ((0.333, 0.33), (0.999, 0.6)):
        # The greater part of a voxel.
        mask = cube.volume(Volume((field.data > threshold).astype(np.float32), brain.grid)).data >= 0.5
        np.testing.assert_array_equal(image >= value - 1e-6, mask)
    np.testing.assert_allclose(other, np.where(image > 0.5, 0.666, image), atol=1e-6)
    assert (image > 0.5).any()


def test_a_segmentation_without_core_is_all_oedema(brain):
    observation = SegmentationObservation(segmented(grown(brain), core=2.0), brain)
    _, network = run(observation, IdentityMap(brain), TRUTH.to_array())
    assert network.seen.max() == pytest.approx(0.333)


def shifted(tissue: Tissue, voxels: tuple[int, int, int]) -> Tissue:
    return Tissue(*(np.roll(getattr(tissue, n), voxels, (0, 1, 2)) for n in ("wm", "gm", "csf")), tissue.grid)


def test_point_and_image_travel_together(brain):
    voxels = (2, -1, 1)
    patient = shifted(brain, voxels)
    observation = SegmentationObservation(segmented(grown(patient, TRUTH)), patient)
    answer = np.array([10.0, 4.0, -6.0, 6.0, 3.0])
    found, network = run(observation, ShiftMap(brain, voxels), answer)
    moved = 4.0 * np.array(voxels)
    np.testing.assert_allclose(found.theta.to_array(), answer + np.array([*moved, 0, 0]), atol=1e-5)
    in_atlas = grown(brain, Theta.from_array(answer))
    np.testing.assert_allclose(found.concentration.data, np.roll(in_atlas.data, voxels, (0, 1, 2)), atol=1e-6)
    # What the network saw lies where the tumour would be in the atlas.
    crop = network.cube(brain.grid)
    seen = centre_of_mass_mm(Volume(network.seen[0].numpy(), crop.grid))
    np.testing.assert_allclose(seen, TRUTH.origin_mm - moved, atol=3.0)


@pytest.fixture
def registered(tmp_path, brain) -> RegisteredMap:
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
    names = (tmp_path / "affine.mat", tmp_path / "warp.nii.gz", tmp_path / "inverse_warp.nii.gz")
    return RegisteredMap(brain, grid, Transforms(*names))


def test_a_registration_carries_point_and_image_to_the_same_place(registered, brain):
    white, grey, fluid = (registered.to_patient(brain.map(name)) for name in ("wm", "gm", "csf"))
    patient = Tissue.from_maps(white, grey, fluid)
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
    ("changes", "words", "kept"),
    [
        ({}, [], True),
        ({3: 35.0}, ["mu_D of 35 is outside the training range (2 to 30)"], True),
        ({4: 0.5}, ["mu_rho of 0.5 is outside the training range (1 to 9)"], True),
        ({4: -0.5}, ["mu_rho of -0.5", "brought into the bounds"], False),
        ({0: 69.6, 1: -2.0, 2: -2.0}, ["lies 3.6 mm from the atlas' white and grey matter"], True),
        ({0: 90.0}, ["mm from the atlas' white and grey matter and was moved to the nearest"], False),
    ],
)
def test_predictions_unlike_the_training_set_are_flagged(brain, observation, changes, words, kept):
    answer = np.array([0.0, 0.0, 0.0, 6.0, 3.0])
    for index, value in changes.items():
        answer[index] = value
    found, _ = run(observation, IdentityMap(brain), answer)
    assert found.extra["out_of_range"] is bool(words)
    assert bool(found.message) is bool(words)
    for word in words:
        assert word in found.message
    assert np.allclose(found.theta.to_array(), answer, atol=1e-4) is kept
    assert found.concentration.data.max() > 0


def test_a_tumour_that_does_not_arrive_is_a_failed_row(brain, observation):
    away = ShiftMap(brain, (0, 0, 0))
    away.to_atlas = lambda volume: Volume(np.zeros_like(volume.data), volume.grid)
    found, _ = run(observation, away, TRUTH.to_array())
    assert found.status == "failed"
    assert "no tumour is left on the network's voxels of 8 mm" in found.message
    found, _ = run(observation, IdentityMap(brain), np.full(5, np.nan))
    assert (found.status, found.concentration) == ("failed", None)


def test_stage_writes_theta_and_concentration(brain, observation, tmp_path):
    brain.save(tmp_path / "case")
    write_volume(tmp_path / "case" / "concentration.nii.gz", observation.concentration)
    network = FakeAtlasNetwork(np.array([0.0, 0.0, 0.0, 35.0, 1.5]))
    arguments = (tmp_path / "out", "r", 1, 1)
    synthetic = CaseFiles(tmp_path / "case", "synthetic", "case", "labels")
    patient = replace(synthetic, cohort="patients")
    invert_case(synthetic, "lmi", settings(), Networks(lmi=network), *arguments)
    row = pd.read_parquet(tmp_path / "out" / "parameters.parquet").iloc[0]
    assert (row["status"], row["mu_d_mm"], row["observation"]) == ("ok", pytest.approx(35.0), "concentration")
    assert row["out_of_range"]
    assert read_volume(tmp_path / "out" / "concentration.nii.gz").data.max() > 0
    # A patient needs the atlas and the registration.
    write_volume(tmp_path / "case" / "segmentation.nii.gz", segmented(observation.concentration))
    with pytest.raises(InputError, match="name the atlas' folder"):
        invert_case(patient, "lmi", settings(), Networks(lmi=network), *arguments)
    with pytest.raises(InputError, match=r"transforms/affine\.mat"):
        invert_case(
            replace(patient, atlas=tmp_path / "case"), "lmi", settings(), Networks(lmi=network), *arguments
        )  # fmt: skip
    with pytest.raises(InputError, match="network 'lmi'"):
        invert_case(synthetic, "lmi", settings(), Networks(), *arguments)


def test_a_registered_patient_of_the_stage(registered, brain, tmp_path):
    """The files that stage register writes are enough."""
    white, grey, fluid = (registered.to_patient(brain.map(name)) for name in ("wm", "gm", "csf"))
    patient = Tissue.from_maps(white, grey, fluid)
    patient.save(tmp_path / "case")
    brain.save(tmp_path / "atlas")
    answer = Theta((10.0, 6.0, -8.0), 5.0, 3.5)
    field = registered.to_patient(grown(brain, answer))
    write_volume(tmp_path / "case" / "segmentation.nii.gz", segmented(field))
    (tmp_path / "case" / "transforms").mkdir()
    for name in ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz"):
        (tmp_path / name).rename(tmp_path / "case" / "transforms" / name)
    network = FakeAtlasNetwork(answer.to_array())
    out = tmp_path / "out"
    files = CaseFiles(tmp_path / "case", "patients", "case", "labels", atlas=tmp_path / "atlas")
    invert_case(files, "lmi", settings(), Networks(lmi=network), out, "r", 1, 1)
    found = read_volume(out / "concentration.nii.gz").data
    assert np.abs(found - np.where(patient.labels >= 2, field.data, 0)).max() < 0.05
    assert pd.read_parquet(out / "parameters.parquet").loc[0, "observation"] == "segmentation"


def test_single_files_are_refused(brain, tmp_path):
    with pytest.raises(InputError, match="run it in the workflow"):
        fit_files(brain, method="lmi", out_dir=tmp_path / "out", settings=settings())


def test_settings():
    own = settings()
    assert (own.gives_theta("lmi"), own.gives_concentration("lmi"), own.needs_atlas("lmi")) == (True, True, True)
    assert own.observation_of("lmi", "patients") == "segmentation"
    assert own.networks_of("lmi") == {"lmi": "lmi"}
    for keys, words in (
        ({"origin": "com-fixed"}, "cannot hold it"),
        ({"threshold_core": 0.2}, "above threshold_whole"),
        ({"patient_observation": "reference"}, "segmentation"),
    ):
        with pytest.raises(ValidationError, match=words):
            settings(**keys)
