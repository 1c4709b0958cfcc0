from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_json, write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.plan.run import plan_patient
from gliofit.plan.settings import PlanSettings

#: A voxel that every image of a case shows something of: it is in the tumour's enhancing part and in both targets.
LANDMARK = (13, 12, 10)

CASES = ("TCGA-DU-0001", "BraTS2021_00006", "sub-01_ses-02")


def oblique_lps_grid(angle: float = 0.03) -> Grid:
    """A grid of 3 mm voxels stored in LPS, turned by an angle (radians) about the third axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0, 0], [sin, cos, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    affine = turn @ np.diag([-3.0, -3.0, 3.0, 1.0])
    affine[:3, 3] = [40.0, 45.0, -30.0]
    return Grid((24, 26, 20), affine)


def write_case(run: Path, case: str, grid: Grid) -> None:
    """Results of one patient: registration, one good estimate, one without covariance, one that failed, and a plan."""
    registered = run / "register/patients" / case
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    centre = np.linalg.norm(index - (np.array(grid.shape) - 1) / 2, axis=-1)
    tumour = np.linalg.norm(index - np.array(LANDMARK), axis=-1)
    Tissue((centre < 6), (centre >= 6) & (centre < 8), (centre >= 8) & (centre < 9), grid).save(registered)
    segmentation = np.select([tumour < 1.5, tumour < 3.5], [3, 2], 0).astype(np.uint8)
    t1 = np.where(centre < 9, 100 - 5 * centre, 0).astype(np.float32)
    t1[LANDMARK] = 999
    write_volume(registered / "t1.nii.gz", Volume(t1, grid))
    write_volume(registered / "brain_mask.nii.gz", Volume(centre < 9, grid))
    write_volume(registered / "segmentation.nii.gz", Volume(segmentation, grid))
    (registered / "transforms").mkdir()
    for name in ("affine.mat", "warp.nii.gz", "inverse_warp.nii.gz"):
        (registered / "transforms" / name).write_bytes(name.encode())
    volumes = {"brain_cc": 80.0, "tumour_cc": 5.0, "core_cc": 1.0, "enhancing_cc": 1.0}
    write_table(registered / "qc.parquet", pd.DataFrame([{"case": case, "status": "ok", **volumes}]))

    source = run.parent / "input" / case / f"{case}_flair.nii.gz"
    write_volume(source, Volume(t1, grid))
    inputs = [{"path": f"{run.parent.name}/input/{case}/{source.name}", "sha256": None}]
    versions = {"versions": {"gliofit": "0.1.0"}, "code": {"revision": "abc", "dirty": False}}
    write_json(registered / "t1.nii.gz.json", {"rule": "register_patient", "seed": 7, "input": inputs, **versions})

    # Off the segmentation's middle, so that the two targets differ.
    away = np.linalg.norm(index - np.array(LANDMARK) + [2, 1, 0], axis=-1)
    cells = np.where(centre < 8, np.exp(-((away / 3) ** 2)), 0).astype(np.float32)
    for method, status in (("gauss-newton", "ok"), ("direct", "ok"), ("lmi", "failed")):
        forward = run / "forward/patients" / case / method
        write_volume(forward / "concentration.nii.gz", Volume(cells * (status == "ok"), grid))
        write_table(forward / "forward.parquet", pd.DataFrame([{"status": status, "message": ""}]))
        row = {
            "method": method, "status": "not-converged", "message": "budget", "observation": "segmentation",
            "origin_x_mm": grid.voxel_to_world(LANDMARK)[0], "mu_d_mm": 4.0, "mu_d_mm_se": np.nan, "mu_rho": 3.0,
        }  # fmt: skip
        write_table(run / "invert/patients" / case / method / "parameters.parquet", pd.DataFrame([row]))
    deviation = Volume(cells * 0.1, grid)
    write_volume(run / "forward/patients" / case / "gauss-newton/uncertainty.nii.gz", deviation)
    write_volume(run / "forward/patients" / case / "direct/uncertainty.nii.gz", Volume(cells * 0, grid))
    identity = {"run": "r", "cohort": "patients", "case": case, "method": "gauss-newton", "seed": 1}
    plan_patient(
        registered, run / "forward/patients" / case / "gauss-newton", run / "plan/patients" / case / "gauss-newton",
        PlanSettings(margins_mm=(6.0, 7.5)), identity, label_scheme="brats2023",
    )  # fmt: skip


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three patients on an oblique grid stored in LPS."""
    run = tmp_path_factory.mktemp("work") / "results" / "small"
    for case in CASES:
        write_case(run, case, oblique_lps_grid())
    return run
