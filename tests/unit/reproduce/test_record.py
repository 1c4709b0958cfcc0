"""Records of runs: the numbers of a small results folder with known values, and nothing about its cases."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_json, write_table, write_volume
from gliofit.evaluate.case import AGREEMENT_COLUMNS, CURVE_COLUMNS, metrics_columns
from gliofit.evaluate.cohort import evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from tools.reproduce.record import record_run

#: Whole-volume MSE of each method's three cases; None: failed.
ERRORS = {"hybrid": [2e-6, 3e-4, 5e-3], "direct": [1e-3, 2e-3, None], "gauss-newton": [1e-9, 2e-9, 3e-2]}
CASES = ("secret-00000", "secret-00001", "secret-00002")
REVISION = "edaf6bd6be7cca42ec7441ce5d59f30c1ee459fd"


def sidecar(path: Path, code: dict[str, Any] | None, **more: Any) -> None:
    """What a job leaves beside its first output, as far as a record reads it."""
    content = {"rule": "some_rule", "versions": {"gliofit": "0.1.0"}, "started": "2026-01-01T00:00:00+00:00"} | more
    write_json(path.with_name(f"{path.name}.json"), content if code is None else content | {"code": code})


def write_cohort(folder: Path) -> None:
    tables, curves, agreements = [], [], []
    for place, case in enumerate(CASES):
        rows, parts = [], []
        for method, errors in ERRORS.items():
            identity = {"run": "small", "cohort": "synthetic", "case": case, "method": method}
            row = identity | {"status": "ok", "message": "", "seed": 1, "role": "method", "data_integrator": "accurate"}
            error = errors[place]
            if error is None:
                row["status"] = "failed"
            else:
                row |= {"mse_volume": error, "mu_d_relative_error": 0.1 * (place + 1), "wall_seconds": 4.0}
                dice = [0.5, 0.9 if method == "hybrid" else 0.4]
                parts.append(pd.DataFrame(identity | {"threshold": [0.2, 0.4], "dice_whole": dice, "dice_core": 0.1}))
            rows.append(row)
        folders = [folder / case / f"{name}.parquet" for name in ("metrics", "dice_curve", "agreement")]
        table = pd.DataFrame(rows, columns=list(metrics_columns(SPACE.others))).astype({"choice_was_better": "boolean"})
        write_table(folders[0], table)
        write_table(folders[1], pd.concat(parts)[list(CURVE_COLUMNS)])
        write_table(folders[2], pd.DataFrame([], columns=list(AGREEMENT_COLUMNS)))
        for path, files in zip(folders, (tables, curves, agreements), strict=True):
            files.append(path)
    evaluate_cohort(tables, curves, agreements, {}, folder, EvaluateSettings(bootstrap_samples=100))


def write_study(folder: Path) -> None:
    rng = np.random.default_rng(1)
    size = np.arange(1.0, 7.0)
    rows = pd.DataFrame({"preset": "paper", "scenario": "reference", "case": range(6), "method": "gauss-newton"})
    rows = rows.assign(status="ok", mse_volume=size * 1e-6, ncc_volume=0.9, oracle_mse_volume=1e-3)
    rows = rows.assign(mu_d_relative_error=0.1, mu_rho_relative_error=0.2, origin_error_mm=24.0, wall_seconds=size)
    # Larger tumours have larger errors, wider fronts smaller ones; mu_D has nothing to do with either.
    rows = rows.assign(volume_mm3=size**3, front_width_mm=-size, mu_rho=rng.random(6), mu_d_mm=rng.random(6))
    for axis, shift in zip("xyz", (24.0, 0.0, 0.0), strict=True):
        rows = rows.assign(**{f"origin_{axis}_mm": 10.0, f"estimate_origin_{axis}_mm": 10.0 + shift})
    write_table(folder / "paper-00000.parquet", rows)
    write_table(folder / "paper-00000_trace.parquet", pd.DataFrame({"evaluation": [1]}))
    plain = {"noise": 0.0, "spacing_mm": None, "fit_tissue": None, "integrator": {"name": "reference"}}
    settings = {"spacing_mm": 1.0, "scenarios": {"reference": plain}}
    sidecar(folder / "paper-00000.parquet", None, params={"settings": settings})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "small"
    write_cohort(folder / "evaluate/synthetic")
    grid = Grid((4, 4, 4), np.diag([2.0, 2.0, 2.0, 1.0]))
    write_volume(folder / "simulate/tissue/wm.nii.gz", Volume(np.ones(grid.shape, dtype=np.float32), grid))
    metrics = folder / "evaluate/synthetic/metrics.parquet"
    sidecar(metrics, {"revision": REVISION, "dirty": True, "sources": "0"}, device="AMD EPYC")
    write_study(folder / "study/batches")
    return folder


def test_means_errors_and_counts_of_a_cohort(results: Path) -> None:
    cohort = record_run(results)["cohorts"]["synthetic"]
    assert (cohort["cases"], cohort["spacing_mm"], cohort["phantoms"]) == (3, 2.0, False)
    direct = cohort["methods"]["direct"]
    assert (direct["cases"], direct["failed"]) == (3, 1)
    mean, error, median, n = direct["values"]["mse_volume"]
    assert (mean, median, n) == pytest.approx((1.5e-3, 1.5e-3, 2))
    assert error == pytest.approx(np.std([1e-3, 2e-3], ddof=1) / math.sqrt(2), rel=1e-5)
    squares = cohort["methods"]["hybrid"]["values"]["mu_d_relative_error_squared"]
    assert squares[0] == pytest.approx((0.01 + 0.04 + 0.09) / 3, rel=1e-5)


def test_study_has_the_paper_s_measures_and_rank_correlations(results: Path) -> None:
    (row,) = record_run(results)["study"]
    assert (row["integrator"], row["undisturbed"], row["spacing_mm"], row["cases"]) == ("reference", True, 1.0, 6)
    # 24 mm of 240 mm along x.
    assert row["values"]["origin_error_fraction"][0] == pytest.approx(0.1)
    assert row["values"]["mu_rho_relative_error_squared"][0] == pytest.approx(0.04)
    assert row["causes"]["volume_mm3"] == pytest.approx(1.0)
    assert row["causes"]["front_width_mm"] == pytest.approx(-1.0)


def test_neither_cases_nor_dates_nor_places_are_recorded(results: Path) -> None:
    text = json.dumps(record_run(results))
    assert "secret" not in text
    assert "2026-01-01" not in text
    assert str(results.parent) not in text
