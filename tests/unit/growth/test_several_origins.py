"""Growth models with several origins: the command line, sampling, and a segmentation that one origin cannot follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model, origins_of
from gliofit.growth.theta import Theta
from gliofit.invert.problem import Problem
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import SegmentationObservation
from gliofit.simulate.sampler import draw_parameters
from gliofit.simulate.settings import PRESETS
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.reference import ReferenceSolver

TWO = find_growth_model("fisher-kolmogorov-two-origins")
THREE = find_growth_model("fisher-kolmogorov-three-origins")
TRUTH = Theta((8.0, -32.0, 20.0), 6.0, 3.0, -20.0, -10.0, 30.0, 0.4, space=TWO.space)


def test_an_origin_that_has_not_started_changes_nothing(brain: Tissue) -> None:
    one = AccurateSolver().solve(brain, Theta((8.0, -32.0, 20.0), 6.0, 3.0))
    late = AccurateSolver().solve(brain, TRUTH.in_space(TWO.space).at_fraction(1.0))
    half = AccurateSolver().solve(brain, TRUTH.at_fraction(0.35))
    assert late.volume_mm3 > 1.1 * one.volume_mm3
    younger = AccurateSolver().solve(brain, Theta((8.0, -32.0, 20.0), 6.0, 3.0).at_fraction(0.35))
    np.testing.assert_allclose(half.concentration, younger.concentration, atol=2e-3)


def test_growth_may_stop_at_a_volume_in_any_stage(brain: Tissue) -> None:
    solver = AccurateSolver()
    whole = solver.solve(brain, TRUTH)
    for part in (0.05, 0.6):
        stopped = solver.solve(brain, TRUTH, stopping_volume_mm3=part * whole.volume_mm3)
        assert stopped.stopped_by == "volume"
        assert stopped.volume_mm3 == pytest.approx(part * whole.volume_mm3, rel=1e-3)
        again = solver.solve(brain, TRUTH.at_fraction(stopped.final_time_days / 100))
        assert again.volume_mm3 == pytest.approx(stopped.volume_mm3, rel=0.01)


def test_origins_are_in_the_order_of_their_start() -> None:
    values = np.array([8.0, -32.0, 20.0, 6.0, 3.0, 1.0, 2.0, 3.0, 0.7, 4.0, 5.0, 6.0, 0.2])
    ordered = THREE.in_order(values)
    assert ordered[5:].tolist() == [4.0, 5.0, 6.0, 0.2, 1.0, 2.0, 3.0, 0.7]
    starts = [origin.start for origin in origins_of(Theta.from_array(values, THREE.space))]
    assert starts == [0.0, 0.2, 0.7]


def test_the_explicit_scheme_refuses_them(brain: Tissue) -> None:
    grey = find_growth_model("fisher-kolmogorov-grey").space
    for theta in (TRUTH, Theta((8.0, -32.0, 20.0), 6.0, 3.0, 0.3, space=grey)):
        with pytest.raises(InputError) as error:
            ReferenceSolver().solve(brain, theta)
        assert error.value.code == "integrator-model"


def test_further_origins_are_drawn_in_tissue_near_the_first(brain: Tissue) -> None:
    drawn = draw_parameters(brain, PRESETS["paper"], 20, 3, space=THREE.space)
    first = drawn[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy()
    for number in (2, 3):
        place = drawn[[f"origin_{number}_{axis}_mm" for axis in "xyz"]].to_numpy()
        assert (np.linalg.norm(place - first, axis=1) <= 30).all()
        voxels = np.rint(brain.grid.world_to_voxel(place)).astype(int)
        assert brain.mask[tuple(voxels.T)].all()
        assert drawn[f"start_{number}"].between(0.02, 0.98).all()


def test_commands_grow_and_fit_them(brain: Tissue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)
    brain.save(tmp_path)
    tissue = ["--wm", tmp_path / "wm.nii.gz", "--gm", tmp_path / "gm.nii.gz", "--growth-model", TWO.name]
    tumour = ["--seed", *TRUTH.origin_voxel(brain.grid).tolist(), "--mu-d", 6, "--mu-rho", 3]
    further = [f"{name}={value}" for name, value in zip(TWO.space.names[5:], TRUTH.to_array()[5:], strict=True)]

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    out = tmp_path / "c.nii.gz"
    assert run("solve", *tissue, *tumour, "--out", out) == 2
    given = [part for text in further for part in ("--parameter", text)]
    assert run("solve", *tissue, *tumour, *given, "--out", out) == 0
    np.testing.assert_allclose(read_volume(out).data, AccurateSolver().solve(brain, TRUTH).concentration, atol=1e-3)
    assert run("fit", *tissue, "--concentration", out, "--out", tmp_path / "fit") == 0
    row = read_table(tmp_path / "fit/parameters.parquet").iloc[0]
    assert row["growth_model"] == TWO.name
    assert row[list(TWO.space.columns)].to_numpy(float) == pytest.approx(TRUTH.to_array(), abs=0.1)
    assert row["start_2_low"] < row["start_2"] < row["start_2_high"]


def test_a_second_origin_follows_a_segmentation_that_one_cannot(brain: Tissue) -> None:
    c = AccurateSolver().solve(brain, TRUTH).concentration
    labels = np.select([c > 0.6, c > 0.33], [TumourLabel.ENHANCING, TumourLabel.OEDEMA], 0).astype(np.uint8)
    losses = {}
    for model in (TWO.simpler, TWO.name):
        settings = InvertSettings(methods={"gn": {"inverter": "gauss-newton", "growth_model": model}})
        observation = SegmentationObservation(Volume(labels, brain.grid), brain)
        inversion = fit(Problem(observation, settings, model=model), "gn", settings)
        losses[model] = inversion.loss
    assert losses[TWO.name] < 0.1 * losses[TWO.simpler]
    assert inversion.theta is not None, inversion.message
    assert inversion.theta.to_array()[5:8] == pytest.approx(TRUTH.to_array()[5:8], abs=2)
    assert inversion.theta.start_2 == pytest.approx(TRUTH.start_2, abs=0.1)
