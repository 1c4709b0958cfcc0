from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, write_table, write_volume
from gliofit.evaluate.case import AGREEMENT_COLUMNS, CURVE_COLUMNS, evaluate_case, metric_names, metrics_columns
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE

GRID = Grid((24, 20, 16), np.array([[-4.0, 0, 0, 40], [0, -4, 0, 30], [0, 0, 4, -20], [0, 0, 0, 1]]))
CENTRE = np.array([12, 10, 8])
SETTINGS = EvaluateSettings()
SETTINGS_9 = EvaluateSettings(curve_thresholds=9)


def ball(radius, centre=CENTRE):
    distance = np.linalg.norm(np.indices(GRID.shape).T - centre, axis=-1).T
    return np.clip(1.2 - distance / radius, 0, 1).astype(np.float32)


def write_truth(path, mu_d=10.0, mu_rho=4.0):
    x, y, z = GRID.voxel_to_world(CENTRE)
    row = {"case": "c", "origin_x_mm": x, "origin_y_mm": y, "origin_z_mm": z, "mu_d_mm": mu_d, "mu_rho": mu_rho}
    write_table(path, pd.DataFrame([row | {"integrator": "accurate"}]))


def write_estimate(root, method, field, status="ok", mu_d=11.0, theta=True, **extra):
    forward, invert = root / "forward" / method, root / "invert" / method
    write_volume(forward / "concentration.nii.gz", Volume(field, GRID))
    row = {"run": "r", "method": method, "status": "ok", "message": "", "seed": 7}
    forward_status = "failed" if status == "failed" else "ok"
    final = {"wall_seconds": 2.0, "status": forward_status, "integrator": "reference", "error_estimate": np.nan}
    write_table(forward / "forward.parquet", pd.DataFrame([row | final]))
    i, j, k = CENTRE + np.array([1, 0, 0]) if theta and status != "failed" else [np.nan] * 3
    values = {"origin_i": i, "origin_j": j, "origin_k": k, "mu_d_mm": mu_d if theta else np.nan}
    values |= {"mu_rho": 4.0 if theta else np.nan, "observation": "concentration", "evaluations": 30}
    message = "diverged" if status == "failed" else ""
    table = pd.DataFrame([row | {"status": status, "message": message, "wall_seconds": 5.0} | values | extra])
    write_table(invert / "parameters.parquet", table)
    return forward, invert


@pytest.fixture
def case_dir(tmp_path):
    folder = tmp_path / "case"
    labels = np.full(GRID.shape, 3, np.uint8)
    labels[:3], labels[-3:] = 0, 1
    write_volume(folder / "labels.nii.gz", Volume(labels, GRID))
    write_volume(folder / "concentration.nii.gz", Volume(ball(6), GRID))
    segmentation = np.where(ball(6) > 0.33, 2, 0)
    segmentation[ball(6) > 0.6] = 3
    write_volume(folder / "segmentation.nii.gz", Volume(segmentation.astype(np.uint8), GRID))
    write_truth(folder / "truth.parquet")
    return folder


def evaluate(tmp_path, cohort, case_dir, estimates, reference=None, settings=SETTINGS, **extra):
    forward = {name: pair[0] for name, pair in estimates.items()}
    invert = {name: pair[1] for name, pair in estimates.items() if name != "oracle"}
    out = tmp_path / "out"
    evaluate_case(cohort, "c", case_dir, forward, invert, reference, out, settings, "r", 1, **extra)
    metrics = read_table(out / "metrics.parquet")
    return metrics.set_index("method", drop=False), read_table(out / "dice_curve.parquet")


def test_synthetic_case(tmp_path, case_dir):
    estimates = {
        "direct": write_estimate(tmp_path, "direct", ball(7)),
        "hybrid": write_estimate(tmp_path, "hybrid", ball(6.5), chosen="gradient", status="not-converged"),
        "hybrid-other": write_estimate(tmp_path, "hybrid-other", ball(7)),
        "static-field": write_estimate(tmp_path, "static-field", ball(5), theta=False),
        "lmi": write_estimate(tmp_path, "lmi", np.zeros(GRID.shape, np.float32), status="failed"),
        "oracle": write_estimate(tmp_path, "oracle", ball(6)),
    }
    rows, curve = evaluate(tmp_path, "synthetic", case_dir, estimates, settings=SETTINGS_9)
    assert tuple(rows.columns) == metrics_columns(SPACE.others)
    assert list(rows.index) == ["direct", "hybrid", "static-field", "lmi", "oracle"]
    assert list(rows["role"]) == ["method"] * 4 + ["oracle"]
    assert list(rows["status"]) == ["ok", "not-converged", "ok", "failed", "ok"]
    assert set(rows["seed"]) == {1, 7}

    direct = rows.loc["direct"]
    assert direct["mu_d_relative_error"] == pytest.approx(0.1)
    assert direct["mu_rho_relative_error"] == 0
    assert direct["origin_error_mm"] == pytest.approx(4)
    assert (direct["wall_seconds"], direct["evaluations"], direct["total_wall_seconds"]) == (5, 30, 7)
    assert 0 < direct["dice_whole_033"] < 1
    assert direct["dice_whole_best"] >= direct["dice_whole_033"]
    own = curve[curve["method"] == "direct"].set_index("threshold")["dice_whole"]
    assert direct["threshold_best"] in (own.idxmax(), 0.33)
    # A voxel of 4 mm too many all around, along an axis or aslant.
    assert 4 <= direct["hd95_whole_033_mm"] <= 4 * 3**0.5

    assert set(rows["data_integrator"]) == {"accurate"}
    assert set(rows["final_integrator"]) == {"reference"}

    hybrid = rows.loc["hybrid"]
    assert hybrid["other_mse_volume"] == direct["mse_volume"] > hybrid["mse_volume"]
    assert hybrid["choice_was_better"]
    assert hybrid["chosen"] == "gradient"
    assert rows["choice_was_better"].isna().sum() == 4

    assert np.isnan(rows.loc["static-field", ["mu_d_relative_error", "origin_error_mm"]].astype(float)).all()
    assert rows.loc["static-field", "mse_volume"] > 0

    failed = rows.loc["lmi"]
    assert failed["message"] == "diverged"
    assert failed[[m for m in metric_names(SPACE.others) if m not in ("wall_seconds", "evaluations")]].isna().all()

    oracle = rows.loc["oracle"]
    assert oracle["mse_volume"] == oracle["hd95_whole_033_mm"] == oracle["hd95_core_060_mm"] == 0
    assert oracle["ncc_crop"] == pytest.approx(1)
    assert np.isnan(oracle["wall_seconds"])
    assert np.isnan(oracle["mu_d_relative_error"])

    assert tuple(curve.columns) == CURVE_COLUMNS
    assert set(curve["method"]) == {"direct", "hybrid", "static-field", "oracle"}
    assert curve.groupby("method").size().eq(9).all()
    assert curve.loc[curve["method"] == "oracle", "dice_whole"].eq(1).all()


def test_patient_is_compared_with_the_reference_and_the_segmentation(tmp_path, case_dir):
    estimates = {
        "cmaes-solver": write_estimate(tmp_path, "cmaes-solver", ball(6)),
        "hybrid-com": write_estimate(tmp_path, "hybrid-com", ball(8)),
    }
    reference = estimates["cmaes-solver"][0] / "concentration.nii.gz"
    rows, _ = evaluate(tmp_path, "patients", case_dir, estimates, reference)
    own, other = rows.loc["cmaes-solver"], rows.loc["hybrid-com"]
    assert own["role"] == "reference"
    assert np.isnan(own["mse_volume"])
    assert own["dice_whole_033"] == 1
    assert own["dice_core_060"] == 1
    assert other["mse_volume"] > 0
    assert 0 < other["dice_whole_033"] < 1
    assert rows["mu_d_relative_error"].isna().all()
    assert rows["mse_volume_truth"].isna().all()
    assert rows["data_integrator"].isna().all()
    assert set(rows["final_integrator"]) == {"reference"}


def test_agreement_with_every_reference_but_itself(tmp_path, case_dir):
    fields = {"cmaes-solver": ball(6), "static-field": ball(8), "lmi": ball(7), "gliodil": ball(6)}
    fields["direct"] = np.zeros(GRID.shape, np.float32)
    estimates = {
        name: write_estimate(tmp_path, name, field, status="ok" if field.any() else "failed")
        for name, field in fields.items()
    }
    settings = EvaluateSettings(other_references=["static-field", "direct"])
    reference = estimates["cmaes-solver"][0] / "concentration.nii.gz"
    rows, _ = evaluate(tmp_path, "patients", case_dir, estimates, reference, settings=settings)
    table = read_table(tmp_path / "out/agreement.parquet")
    assert tuple(table.columns) == AGREEMENT_COLUMNS
    found = table.set_index(["reference", "method"])
    # What failed has no rows, neither as a method nor as a reference.
    assert found.index.tolist() == [
        ("static-field", "cmaes-solver"), ("cmaes-solver", "static-field"), ("cmaes-solver", "lmi"),
        ("static-field", "lmi"), ("cmaes-solver", "gliodil"), ("static-field", "gliodil"),
    ]  # fmt: skip
    assert found.loc[("cmaes-solver", "lmi"), "mse_volume"] == rows.loc["lmi", "mse_volume"] > 0
    assert found.loc[("cmaes-solver", "gliodil"), ["mse_volume", "mae_volume"]].tolist() == [0, 0]
    assert found.loc[("cmaes-solver", "gliodil"), "ncc_volume"] == pytest.approx(1)
    both = [("cmaes-solver", "static-field"), ("static-field", "cmaes-solver")]
    assert found.loc[both[0], "mse_volume"] == found.loc[both[1], "mse_volume"] > 0

    evaluate(tmp_path, "synthetic", case_dir, {"lmi": estimates["lmi"]}, settings=settings)
    assert read_table(tmp_path / "out/agreement.parquet").empty


def test_boundaries_are_measured_in_mm_against_the_segmentation(tmp_path, case_dir):
    """A tumour moved by two voxels of 4 mm, and one that no threshold finds."""
    moved, faint = np.roll(ball(6), 2, axis=1), (0.3 * ball(6)).astype(np.float32)
    estimates = {name: write_estimate(tmp_path, name, field) for name, field in (("lmi", moved), ("gliodil", faint))}
    rows, curve = evaluate(tmp_path, "patients", case_dir, estimates)
    assert 4 <= rows.loc["lmi", "hd95_whole_033_mm"] <= 8
    assert 4 <= rows.loc["lmi", "hd95_core_060_mm"] <= 8
    assert np.isnan(rows.loc["gliodil", "hd95_whole_033_mm"])
    assert rows.loc["gliodil", "dice_whole_033"] == 0
    best = curve[curve["method"] == "gliodil"].set_index("threshold")["dice_whole"]
    assert rows.loc["gliodil", "threshold_best"] == best.idxmax() < 0.33
    assert rows.loc["gliodil", "dice_whole_best"] == best.max()


@pytest.mark.parametrize("empty", [True, False])
def test_patient_without_a_reference_gets_dice_only(tmp_path, case_dir, empty):
    estimates = {"hybrid-com": write_estimate(tmp_path, "hybrid-com", ball(6))}
    reference = None
    if empty:
        field = np.zeros(GRID.shape, np.float32)
        estimates["cmaes-solver"] = write_estimate(tmp_path, "cmaes-solver", field, status="failed")
        reference = estimates["cmaes-solver"][0] / "concentration.nii.gz"
    rows, _ = evaluate(tmp_path, "patients", case_dir, estimates, reference)
    assert np.isnan(rows.loc["hybrid-com", "mse_volume"])
    assert rows.loc["hybrid-com", "dice_whole_033"] == 1
    assert ("no reference" in (rows.loc["hybrid-com", "message"] or "")) == empty
