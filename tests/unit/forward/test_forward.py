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


def estimate(**changes) -> pd.DataFrame:
    row = {"origin_x_mm": 4.0, "origin_y_mm": 0.0, "origin_z_mm": -8.0, "mu_d_mm": 6.0, "mu_rho": 3.0}
    return pd.DataFrame([row | changes])


@pytest.fixture
def case_dir(tmp_path, brain):
    brain.save(tmp_path / "case")
    return tmp_path / "case"


def test_writes_the_field_of_the_estimate(tmp_path, case_dir, brain):
    write_table(tmp_path / "p.parquet", estimate())
    run_forward(case_dir, tmp_path / "p.parquet", tmp_path / "out", ForwardSettings(), "labels", **NAMES)
    solution = make_solver().solve(brain, Theta((4.0, 0.0, -8.0), 6.0, 3.0))
    field = read_volume(tmp_path / "out" / "concentration.nii.gz")
    assert np.abs(field.data - np.where(brain.labels >= 2, solution.concentration, 0)).max() < 1e-6
    row = read_table(tmp_path / "out" / "forward.parquet").iloc[0]
    assert (row["case"], row["status"]) == ("c", "ok")
    assert (row["integrator"], row["steps"]) == ("accurate", solution.steps)
    assert row["error_estimate"] == pytest.approx(solution.error_estimate)
    assert row["wall_seconds"] > 0
    assert row["volume_mm3"] == pytest.approx(field.data.sum(dtype=float) * 64, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"origin_z_mm": 300.0}, "outside white and grey matter"),
        ({"mu_rho": np.nan, "message": "diverged"}, "diverged"),
    ],
)
def test_a_failed_estimate_is_a_row(tmp_path, case_dir, changes, words):
    write_table(tmp_path / "p.parquet", estimate(**changes))
    run_forward(case_dir, tmp_path / "p.parquet", tmp_path / "out", ForwardSettings(), "labels", **NAMES)
    row = read_table(tmp_path / "out" / "forward.parquet").iloc[0]
    assert (row["status"], row["integrator"]) == ("failed", "accurate")
    assert np.isnan(row["error_estimate"])
    assert words in row["message"]
    assert not read_volume(tmp_path / "out" / "concentration.nii.gz").data.any()


def test_the_integrator_of_the_settings_runs(tmp_path, case_dir, brain):
    write_table(tmp_path / "p.parquet", estimate())
    settings = ForwardSettings.model_validate({"integrator": {"name": "reference", "max_reaction_step": 0.1}})
    run_forward(case_dir, tmp_path / "p.parquet", tmp_path / "out", settings, "labels", **NAMES)
    row = read_table(tmp_path / "out" / "forward.parquet").iloc[0]
    assert (row["integrator"], row["status"]) == ("reference", "ok")
    assert row["steps"] == make_solver(settings.integrator).steps(Theta((4.0, 0.0, -8.0), 6.0, 3.0), 4.0)
    assert np.isnan(row["error_estimate"])


def test_prefix_reads_the_other_candidate(tmp_path, case_dir):
    table = estimate()
    other = estimate(mu_d_mm=9.0).add_prefix("other_")
    write_table(tmp_path / "p.parquet", pd.concat([table, other], axis=1))
    fields = []
    for prefix in ("", "other_"):
        out = tmp_path / f"out{prefix}"
        run_forward(case_dir, tmp_path / "p.parquet", out, ForwardSettings(), "labels", prefix=prefix, **NAMES)
        fields.append(read_volume(out / "concentration.nii.gz").data.sum())
    assert fields[1] > 1.3 * fields[0]


def test_a_field_comes_before_a_run_of_theta(tmp_path, case_dir, brain):
    """A method that grew the tumour elsewhere says both, and its field is the estimate."""
    write_table(tmp_path / "p.parquet", estimate(status="ok"))
    values = np.random.default_rng(0).random(brain.grid.shape, dtype=np.float32)
    write_volume(tmp_path / "field.nii.gz", Volume(values, brain.grid))
    field = {"field": tmp_path / "field.nii.gz"}
    run_forward(case_dir, tmp_path / "p.parquet", tmp_path / "out", ForwardSettings(), "labels", **field, **NAMES)
    found = read_volume(tmp_path / "out" / "concentration.nii.gz").data
    assert np.abs(found - np.where(brain.labels >= 2, values, 0)).max() < 1e-6
    row = read_table(tmp_path / "out" / "forward.parquet").iloc[0]
    assert (row["status"], row["integrator"], row["steps"]) == ("ok", "none", 0)
