from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from gliofit.forward.run import run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.solver.registry import make_solver

NAMES = {"run": "r", "cohort": "synthetic", "case": "c", "method": "direct", "seed": 1}
THETA = Theta((4.0, 0.0, -8.0), 6.0, 3.0)
ROW = THETA.space.row(THETA.to_array())


@pytest.fixture
def run(tmp_path, brain):
    """Runs the stage on a row and returns concentration and row of its result."""
    brain.save(tmp_path / "case")

    def forward(row: dict, settings: ForwardSettings | None = None, **keys):
        write_table(tmp_path / "p.parquet", pd.DataFrame([row]))
        files = tmp_path / "case", tmp_path / "p.parquet", tmp_path / "out"
        run_forward(*files, settings or ForwardSettings(), "labels", **keys, **NAMES)
        return read_volume(tmp_path / "out/concentration.nii.gz").data, read_table(
            tmp_path / "out/forward.parquet"
        ).iloc[0]

    return forward


def test_writes_the_field_of_the_estimate(run, brain):
    field, row = run(ROW)
    solution = make_solver().solve(brain, THETA)
    assert np.abs(field - np.where(brain.visible, solution.concentration, 0)).max() < 1e-6
    assert (row["case"], row["status"]) == ("c", "ok")
    assert (row["integrator"], row["steps"]) == ("accurate", solution.steps)
    assert row["error_estimate"] == pytest.approx(solution.error_estimate)
    assert row["wall_seconds"] > 0
    assert row["volume_mm3"] == pytest.approx(field.sum(dtype=float) * 64, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"origin_z_mm": 300.0}, "outside white and grey matter"),
        ({"mu_rho": np.nan, "message": "diverged"}, "diverged"),
    ],
)
def test_a_failed_estimate_is_a_row(run, changes, words):
    field, row = run(ROW | changes)
    assert (row["status"], row["integrator"]) == ("failed", "accurate")
    assert np.isnan(row["error_estimate"])
    assert words in row["message"]
    assert not field.any()


def test_the_integrator_of_the_settings_runs(run):
    settings = ForwardSettings.model_validate({"integrator": {"name": "reference", "max_reaction_step": 0.1}})
    _, row = run(ROW, settings)
    assert (row["integrator"], row["status"]) == ("reference", "ok")
    assert row["steps"] == make_solver(settings.integrator).steps(THETA, 4.0)
    assert np.isnan(row["error_estimate"])


def test_prefix_reads_the_other_candidate(run):
    row = ROW | {f"other_{name}": value for name, value in (ROW | {"mu_d_mm": 9.0}).items()}
    assert run(row, prefix="other_")[0].sum() > 1.3 * run(row)[0].sum()


def test_a_field_comes_before_a_run_of_theta(run, tmp_path, brain):
    """A method that grew the tumour elsewhere says both, and its field is the estimate."""
    values = np.random.default_rng(0).random(brain.grid.shape, dtype=np.float32)
    write_volume(tmp_path / "field.nii.gz", Volume(values, brain.grid))
    field, row = run(ROW | {"status": "ok"}, field=tmp_path / "field.nii.gz")
    assert np.abs(field - np.where(brain.visible, values, 0)).max() < 1e-6
    assert (row["status"], row["integrator"], row["steps"]) == ("ok", "none", 0)
