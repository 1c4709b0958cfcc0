"""Every method on one synthetic tumour in the MNI152 brain, with the shipped networks: estimate, field and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliofit.atlas.sources import mni152
from gliofit.core.io import read_table
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.forward.run import run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, invert_case
from gliofit.invert.settings import InvertSettings
from gliofit.simulate.settings import SimulateSettings
from gliofit.simulate.shard import extract_case, simulate_shard

MODELS = Path(__file__).resolve().parents[2] / "models"
#: Settings of each method, and limits of its errors about half above what is measured: origin (mm), mu_D and mu_rho
#: (relative), and 1 - NCC over the whole volume. None: the method has no such estimate.
METHODS: dict[str, tuple[dict[str, Any], tuple[float | None, ...]]] = {
    "cmaes-solver": ({"schedule": [{"spacing_mm": 8.0, "evaluations": 240}]}, (18, 0.13, 0.01, 0.032)),
    "cmaes-surrogate": ({"evaluations": 240}, (8.5, 0.13, 0.011, 0.01)),
    "direct": ({}, (6.5, 0.02, 0.3, 0.13)),
    "gauss-newton": ({"levels": [{"spacing_mm": 4.0, "evaluations": 30}]}, (1.6, 0.04, 0.008, 0.0024)),
    "gliodil": (
        {"space_cells": 16, "time_slices": 16, "levels": 3, "epochs": 200, "device": "cpu"}, (19, 0.7, 0.01, 0.23)
    ),
    "gradient-surrogate": ({}, (1.1, 0.03, 0.003, 0.0014)),
    "hybrid": ({}, (1.1, 0.03, 0.003, 0.0014)),
    "lmi": ({}, (30, 0.53, 0.37, 0.026)),
    "static-field": ({"steps": 100}, (None, None, None, 0.066)),
}  # fmt: skip


@pytest.fixture(scope="module")
def case_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accuracy")
    brain = mni152().tissue.coarsen(2)
    brain.save(folder / "tissue")
    simulate_shard(brain, "test-00000", SimulateSettings(samples_per_shard=1, spacing_mm=2.0), 11, folder)
    extract_case("synthetic-00000", folder / "test-00000.nii", 0, folder / "tissue", folder / "case")
    return folder / "case"


def scores(case_dir: Path, method: str, folder: Path) -> pd.Series:
    """Scores of a method on the case."""
    settings = InvertSettings(methods={method: {"inverter": method, **METHODS[method][0]}})
    networks = Networks(**{role: MODELS / name for role, name in settings.methods[method].networks.items()})
    invert, forward = folder / "invert", folder / "forward"
    files = CaseFiles(case_dir, "synthetic", "synthetic-00000", "probabilities")
    invert_case(files, method, settings, networks, invert, "accuracy", 1, 1)
    field = invert / "concentration.nii.gz" if settings.methods[method].gives_concentration else None
    run_forward(
        case_dir, invert / "parameters.parquet", forward, ForwardSettings(), "probabilities", field=field,
        run="accuracy", cohort="synthetic", case="synthetic-00000", method=method, seed=1,
    )  # fmt: skip
    evaluate_case(
        "synthetic", "synthetic-00000", case_dir, {method: forward}, {method: invert}, None, folder / "evaluate",
        EvaluateSettings(), "accuracy", 1,
    )  # fmt: skip
    return read_table(folder / "evaluate/metrics.parquet").iloc[0]


@pytest.mark.e2e
@pytest.mark.parametrize("method", METHODS)
def test_errors_are_within_tolerance(case_dir: Path, tmp_path: Path, method: str) -> None:
    row = scores(case_dir, method, tmp_path)
    assert row["status"] in ("ok", "not-converged"), row["message"]
    found = (*row[["origin_error_mm", "mu_d_relative_error", "mu_rho_relative_error"]], 1 - row["ncc_volume"])
    for error, limit in zip(found, METHODS[method][1], strict=True):
        assert np.isnan(error) if limit is None else error < limit, found
