"""Small fake results of the evaluate stage: made-up scores with the spread of real ones."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_table, write_volume
from gliofit.evaluate.case import AGREEMENT_COLUMNS, CURVE_COLUMNS, metrics_columns
from gliofit.evaluate.cohort import evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.metrics.fields import FIELD_METRICS
from gliofit.publish.settings import PublishSettings
from gliofit.publish.tables import TABLES, write_paper_table

#: Typical whole-volume MSE of each method.
SCALES = {
    "cmaes-solver": 3e-4, "cmaes-surrogate": 4e-3, "direct": 5e-3, "gradient-surrogate": 4e-3, "hybrid": 1.3e-3,
    "gauss-newton": 2e-8, "oracle": 2e-10,
}  # fmt: skip
PATIENT_SCALES = {
    "cmaes-solver": 0, "direct": 3e-3, "gradient-surrogate-com": 4e-3, "hybrid": 2.4e-3, "hybrid-com": 2e-3,
    "gauss-newton": 1e-3, "gliodil": 2e-3, "lmi": 6e-3, "gauss-newton-segmentation": 1e-3, "static-field": 4e-3,
}  # fmt: skip
#: Methods that observe the segmentation of patients.
SEGMENTATION = ("cmaes-solver", "gliodil", "lmi", "gauss-newton-segmentation", "static-field")
#: References of agreement.
REFERENCES = ("cmaes-solver", "static-field")
#: LPS, as BraTS, but coarse.
GRID = Grid((48, 56, 40), np.array([[-4.0, 0, 0, 96], [0, -4, 0, 100], [0, 0, 4, -72], [0, 0, 0, 1]]))


def make_row(rng, cohort, case, method, scale, failed=False, truth=False):
    row = dict.fromkeys(metrics_columns(SPACE.others), np.nan)
    row |= {"run": "fake", "cohort": cohort, "case": case, "method": method, "message": "", "seed": 1}
    row |= {"status": "failed" if failed else "ok", "role": "method", "observation": "concentration", "chosen": None}
    row |= {"final_integrator": "accurate", "data_integrator": "accurate" if cohort == "synthetic" or truth else None}
    row |= {"choice_was_better": None, "wall_seconds": 10.0, "total_wall_seconds": 12.0, "forward_wall_seconds": 2.0}
    if method == "oracle":
        row |= {"role": "oracle", "observation": None, "wall_seconds": np.nan, "total_wall_seconds": 2.0}
    if cohort == "patients":
        row["observation"] = "segmentation" if method in SEGMENTATION else "reference"
    if method == "cmaes-solver" and cohort == "patients":
        row["role"] = "reference"
    if failed:
        return row | {"message": "diverged"}
    mse = scale * float(np.exp(rng.normal(0, 0.8)))
    if row["role"] != "reference":
        for i, name in enumerate(FIELD_METRICS):
            value = mse * (1.6 if "mae" in name else 1.0) * (4.257 if "crop" in name else 1.0)
            row[name] = 1 - min(0.9, 60 * mse) if "ncc" in name else value / (7e4 if i % 5 in (2, 3) else 1)
    row |= {"dice_whole_033": 0.85 - 30 * mse, "dice_core_060": 0.7 - 30 * mse, "dice_whole_best": 0.9 - 30 * mse}
    row |= {"threshold_best": 0.25, "hd95_whole_033_mm": 4 + 1e3 * mse, "hd95_core_060_mm": 3 + 1e3 * mse}
    if (cohort == "synthetic" or truth) and method != "oracle":
        relative = float(np.sqrt(mse)) * abs(rng.normal(1, 0.3))
        row |= {"mu_d_relative_error": relative, "mu_rho_relative_error": 0.7 * relative, "evaluations": 100.0}
        row |= {"origin_error_mm": 100 * relative, "origin_error_fraction": 0.5 * relative}
    if truth:
        row |= {"mse_volume_truth": mse * 1.2, "ncc_volume_truth": 0.9}
    if method.startswith("hybrid"):
        other = 5e-3 * float(np.exp(rng.normal(0, 0.8)))
        row |= {"chosen": "gradient" if rng.random() < 0.8 else "direct", "other_mse_volume": other}
        row |= {"choice_was_better": mse <= other}
    return row


def make_agreement(rng, rows):
    """Agreement of every successful method of a patient with the other references."""
    return [
        {k: row[k] for k in ("run", "cohort", "case", "method")}
        | {"reference": reference, "mse_volume": 1e-3 * rng.random(), "mae_volume": 3e-3, "ncc_volume": 0.9}
        for row in rows
        for reference in REFERENCES
        if row["cohort"] == "patients" and row["status"] != "failed" and row["method"] != reference
    ]


def make_cohort(folder, cohort, scales, n, failed=(), truth=False, left_out=None):
    """Write and evaluate ``n`` cases; ``failed`` contains (case number, method)."""
    rng = np.random.default_rng(0)
    thresholds = np.linspace(0.05, 0.95, 19)
    tables, curves, agreements = [], [], []
    for i in range(n):
        case = f"{cohort[:-1] if cohort == 'patients' else cohort}-{i:05d}"
        rows = [make_row(rng, cohort, case, m, s, (i, m) in failed, truth) for m, s in scales.items()]
        table = pd.DataFrame(rows, columns=list(metrics_columns(SPACE.others))).astype({"choice_was_better": "boolean"})
        parts = []
        for row in rows:
            dice = row["dice_whole_best"] - (thresholds - 0.35 + 0.1 * rng.random()) ** 2
            values = {"threshold": thresholds, "dice_whole": dice, "dice_core": dice - 0.1}
            parts.append(pd.DataFrame({k: row[k] for k in ("run", "cohort", "case", "method")} | values))
        tables.append(folder / case / "metrics.parquet")
        curves.append(folder / case / "dice_curve.parquet")
        agreements.append(folder / case / "agreement.parquet")
        write_table(agreements[-1], pd.DataFrame(make_agreement(rng, rows), columns=list(AGREEMENT_COLUMNS)))
        write_table(tables[-1], table)
        write_table(curves[-1], pd.concat(parts)[list(CURVE_COLUMNS)].dropna(subset="dice_whole"))
    evaluate_cohort(tables, curves, agreements, left_out or {}, folder, EvaluateSettings(bootstrap_samples=200))
    return folder


def write_tables(synthetic, patients, out):
    """Write all tables of the given cohorts; tables 1 to 3 also without a cohort."""
    for name in TABLES:
        cohort = synthetic if name in ("table1", "table2") else patients
        if cohort is not None or name != "table3-segmentation":
            write_paper_table(name, cohort, out, PublishSettings())


@pytest.fixture(scope="session")
def fakes():
    """The functions and constants of this file, which test modules cannot import."""
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def synthetic_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    return make_cohort(folder, "synthetic", SCALES, 6, failed={(2, "gradient-surrogate")})


@pytest.fixture(scope="session")
def patients_dir(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("patients"), "patients", PATIENT_SCALES, 3, failed={(1, "lmi")})


def ball(centre, radius):
    distance = np.linalg.norm(np.indices(GRID.shape).T - np.asarray(centre), axis=-1).T
    return np.clip(1.3 - distance / radius, 0, 1).astype(np.float32)


def write_patient(case_root, forward_root, case, methods, failed=()):
    """A round brain whose patient's right half is brighter, with a tumour on the patient's left, in front."""
    rng = np.random.default_rng(1)
    x = GRID.voxel_to_world(np.indices(GRID.shape).reshape(3, -1).T)[:, 0].reshape(GRID.shape)
    brain = ball((24, 28, 20), 22) > 0.3
    t1 = np.where(brain, np.where(x > 0, 900, 500) + 60 * rng.random(GRID.shape), 0).astype(np.float32)
    write_volume(case_root / case / "t1.nii.gz", Volume(t1, GRID))
    write_volume(case_root / case / "labels.nii.gz", Volume((3 * brain).astype(np.uint8), GRID))
    centre = GRID.world_to_voxel([-32.0, 28.0, 8.0])
    field = ball(centre, 7)
    segmentation = np.where(field > 0.3, 2, 0) + (field > 0.7)
    write_volume(case_root / case / "segmentation.nii.gz", Volume(segmentation.astype(np.uint8), GRID))
    for i, method in enumerate(methods):
        data = ball(centre + np.array([0, 0.5 * i, 0]), 7 + 0.4 * i) * brain * (method not in failed)
        write_volume(forward_root / case / method / "concentration.nii.gz", Volume(data.astype(np.float32), GRID))
