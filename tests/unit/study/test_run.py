from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.errors import InputError
from gliofit.core.io import read_table, write_table
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.invert.base import InversionError
from gliofit.invert.methods.gauss_newton import GaussNewton
from gliofit.invert.settings import InvertSettings
from gliofit.study import run as study_run
from gliofit.study.run import run_cases
from gliofit.study.settings import StudySettings
from unit.invert.fakes import TRUTH, FakeDirect, FakeSurrogate

SETTINGS = StudySettings(
    spacing_mm=4.0,
    scenarios={
        "accurate": {"methods": ["gauss-newton", "cmaes-solver"]},
        "reference": {"integrator": {"name": "reference"}},
    },
)
INVERT = InvertSettings(
    methods={
        "gauss-newton": {"inverter": "gauss-newton"},
        "cmaes-solver": {"inverter": "cmaes-solver", "schedule": [{"spacing_mm": 4.0, "evaluations": 16}]},
    }
)
FORWARD = ForwardSettings()


@pytest.fixture(scope="module")
def atlas(tmp_path_factory, brain):
    folder = tmp_path_factory.mktemp("atlas")
    brain.save(folder)
    return folder


@pytest.fixture(scope="module")
def tables(atlas):
    seen = []
    cases, traces = run_cases(
        atlas, "paper", [0, 1], SETTINGS, INVERT, FORWARD, 1, progress=lambda *counts: seen.append(counts)
    )
    assert seen[-1] == (6, 6)
    return cases, traces


def test_a_row_per_scenario_case_and_method(tables):
    cases, traces = tables
    keys = ["scenario", "case", "method"]
    assert sorted(map(tuple, cases[keys].to_numpy())) == sorted(
        [(s, k, "gauss-newton") for s in ("accurate", "reference") for k in (0, 1)]
        + [("accurate", k, "cmaes-solver") for k in (0, 1)]
    )
    assert (cases["preset"] == "paper").all()
    assert cases["evaluations"].tolist() == traces.groupby(keys, sort=False)["evaluation"].max().tolist()
    assert (cases["front_width_mm"] == cases["mu_d_mm"] / cases["mu_rho"]).all()
    assert cases[[f"inside_{name}" for name in SPACE.columns]].dtypes.astype(str).unique().tolist() == ["boolean"]


def test_errors_are_those_of_the_scenario(tables):
    cases, _ = tables
    found = cases[cases["method"] == "gauss-newton"].set_index(["scenario", "case"])
    accurate, reference = found.loc["accurate"], found.loc["reference"]
    assert (accurate["status"] != "failed").all()
    assert (accurate["mse_volume"] < 1e-6).all()
    assert (accurate["oracle_mse_volume"] < 1e-6).all()
    assert (accurate["mu_rho_relative_error"] < 0.01).all()
    # The estimate makes up for much of what the integrators differ by; the true parameters cannot.
    assert (reference["oracle_mse_volume"] > reference["mse_volume"]).all()
    np.testing.assert_allclose(found["mu_d_bias"].abs(), found["mu_d_relative_error"])
    assert (found["mu_d_bias"] < 0).eq(found["estimate_mu_d_mm"] < found["mu_d_mm"]).all()


def test_tables_survive_parquet(tables, tmp_path):
    for table in tables:
        write_table(tmp_path / "table.parquet", table)
        pd.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), table)


def test_a_batch_does_not_depend_on_others(atlas, tables):
    cases, _ = run_cases(atlas, "paper", [1], SETTINGS, INVERT, FORWARD, 1)
    whole = tables[0][tables[0]["case"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(cases.drop(columns="wall_seconds"), whole.drop(columns="wall_seconds"))


def test_a_failing_method_becomes_a_row(atlas, monkeypatch):
    def fail(self, problem):
        raise InversionError("no start lies in tissue")

    monkeypatch.setattr(GaussNewton, "invert", fail)
    settings = StudySettings(spacing_mm=4.0, scenarios={"accurate": {}})
    cases, traces = run_cases(atlas, "paper", [0], settings, INVERT, FORWARD, 1)
    row = cases.iloc[0]
    assert (row["status"], row["message"]) == ("failed", "no start lies in tissue")
    assert row[["mse_volume", "mu_d_bias", "origin_error_mm", "loss", "estimate_mu_rho"]].isna().all()
    assert np.isfinite(row["oracle_mse_volume"])
    assert traces.empty
    assert "level" in traces


def test_intervals_are_checked_where_a_method_gives_them(atlas, monkeypatch):
    class Uncertainty:
        def interval(self, theta, level):
            assert level == 0.9
            half = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
            return theta.to_array() - half, theta.to_array() + half

    def fit(problem, method, settings):
        inversion = real(problem, method, settings)
        object.__setattr__(inversion, "uncertainty", Uncertainty())
        return inversion

    real = study_run.fit
    monkeypatch.setattr(study_run, "fit", fit)
    settings = StudySettings(spacing_mm=4.0, scenarios={"accurate": {}})
    cases, _ = run_cases(atlas, "paper", [0], settings, INVERT, FORWARD, 1)
    assert cases.loc[0, [f"inside_{name}" for name in SPACE.columns]].tolist() == [True, True, False, True, True]


def test_methods_get_their_networks(atlas):
    """The surrogate is made up, so only that it was used can be asserted, and that the direct estimate is scored."""
    settings = StudySettings(
        spacing_mm=4.0, methods=["gradient-surrogate", "direct"], scenarios={"accurate": {"methods": None}}
    )
    invert = InvertSettings(
        methods={
            "gradient-surrogate": {"inverter": "gradient-surrogate", "outer_steps": 1, "inner_steps": 3},
            "direct": {"inverter": "direct"},
        }
    )
    networks = {"guided-unet": FakeSurrogate(), "direct-inverse": FakeDirect(TRUTH, (0, 0, 0))}
    cases, traces = run_cases(atlas, "paper", [0], settings, invert, FORWARD, 1, networks=networks)
    assert list(cases["method"]) == ["gradient-surrogate", "direct"]
    assert set(cases["status"]) <= {"ok", "not-converged"}
    assert cases["estimate_mu_d_mm"].iloc[1] == pytest.approx(TRUTH.mu_d_mm)
    assert (traces["method"] == "gradient-surrogate").all()
    assert len(traces) > 1
    with pytest.raises(InputError, match="surrogate: none was given"):
        run_cases(atlas, "paper", [0], settings, invert, FORWARD, 1)
