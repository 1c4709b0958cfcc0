from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.invert.base import InversionError
from gliofit.invert.methods.gauss_newton import GaussNewton
from gliofit.invert.settings import InvertSettings
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
    with pytest.raises(InputError, match="surrogate"):
        run_cases(atlas, "paper", [0], settings, invert, FORWARD, 1)
