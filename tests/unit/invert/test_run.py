from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.errors import InputError
from gliofit.core.io import write_volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, fit, invert_case
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import ConcentrationObservation

from .fakes import TRUTH, blob_volume, segmented

COLUMNS = [
    "run", "cohort", "case", "method", "status", "message", "seed", "observation", "growth_model",
    "origin_i", "origin_j", "origin_k",
    "origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho", "loss", "evaluations", "wall_seconds", "chosen",
    "loss_direct", "loss_gradient", "other_origin_x_mm", "other_origin_y_mm", "other_origin_z_mm", "other_mu_d_mm",
    "other_mu_rho", "threshold_whole", "threshold_core", "out_of_range",
    *(column + suffix for suffix in ("_se", "_low", "_high") for column in SPACE.columns), "covariance",
]  # fmt: skip

QUICK = InvertSettings(
    methods={
        "cmaes-solver": {"inverter": "cmaes-solver", "schedule": [{"spacing_mm": 8, "evaluations": 22}]},
        "hybrid": {"inverter": "hybrid"},
    }
)


@pytest.fixture
def case_dir(tmp_path, cube):
    folder = tmp_path / "case"
    cube.save(folder)
    field = blob_volume(cube, TRUTH)
    write_volume(folder / "concentration.nii.gz", field)
    write_volume(folder / "segmentation.nii.gz", segmented(field, inner=TumourLabel.NECROTIC))
    return folder


def run(case_dir, tmp_path, *, method="cmaes-solver", cohort="synthetic", reference=None, settings=QUICK, **keys):
    out = tmp_path / "out"
    files = CaseFiles(case_dir, cohort, "case", "labels", reference=reference)
    invert_case(files, method, settings, Networks(**keys), out, "demo", 7, 1)
    return pd.read_parquet(out / "parameters.parquet"), pd.read_parquet(out / "trace.parquet")


def test_writes_one_row_and_the_trace(case_dir, tmp_path, cube):
    table, trace = run(case_dir, tmp_path)
    assert list(table.columns) == COLUMNS
    row = table.iloc[0]
    assert len(table) == 1
    assert row[["run", "cohort", "case", "method", "seed"]].tolist() == ["demo", "synthetic", "case", "cmaes-solver", 7]
    assert row["observation"] == "concentration"
    assert row["status"] == "not-converged"
    assert row["evaluations"] == len(trace) == 22
    world = cube.grid.voxel_to_world(row[["origin_i", "origin_j", "origin_k"]].to_numpy(dtype=float))
    assert world == pytest.approx(row[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy(dtype=float))


def test_patients_observe_segmentation_or_reference(case_dir, tmp_path):
    table, _ = run(case_dir, tmp_path, cohort="patients")
    assert table.loc[0, "observation"] == "segmentation"
    assert "non-enhancing core" in table.loc[0, "message"]
    settings = InvertSettings.model_validate(
        {"methods": {"mine": QUICK.methods["cmaes-solver"].model_dump() | {"patient_observation": None}}}
    )
    keys = {"method": "mine", "cohort": "patients", "settings": settings}
    table, _ = run(case_dir, tmp_path, reference=case_dir / "concentration.nii.gz", **keys)
    assert table.loc[0, "observation"] == "reference"
    with pytest.raises(InputError, match="run the reference method first"):
        run(case_dir, tmp_path, **keys)


def test_truth_is_never_read(case_dir, tmp_path):
    """A truth table that cannot even be opened changes nothing."""
    (case_dir / "truth.parquet").write_text("not a table")
    table, _ = run(case_dir, tmp_path)
    assert table.loc[0, "status"] == "not-converged"


@pytest.mark.parametrize("origin", ["free", "com-fixed"])
@pytest.mark.parametrize("move", [True, False])
def test_origin_outside_tissue(origin, move, cube, make_problem):
    """A hole of 12 voxels' width filled with CSF."""
    wm = cube.wm.copy()
    wm[10:22, 10:22, 10:22] = 0
    tissue = Tissue(wm, np.zeros_like(wm), 1 - wm, cube.grid)
    observation = ConcentrationObservation(blob_volume(tissue, Theta((0.0, 0.0, 0.0), 14.0, 6.0)), tissue)
    settings = InvertSettings(
        methods={"direct": {"inverter": "direct", "origin": origin}}, move_origin_into_tissue=move
    )
    inversion = fit(make_problem(Theta((0.0, 0.0, 0.0), 9.0, 4.0), observation), "direct", settings)
    voxel = tuple(np.rint(inversion.theta.origin_voxel(tissue.grid)).astype(int))
    if origin == "free" and move:
        assert tissue.mask[voxel]
        assert "was moved to the nearest" in inversion.message
    else:
        assert not tissue.mask[voxel]
        assert "forward simulation will fail" in inversion.message
    if origin != "free":
        assert inversion.theta.origin_mm == tuple(observation.centre_mm)
