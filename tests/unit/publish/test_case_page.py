from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from gliofit.core.grid import Volume
from gliofit.core.io import write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.run import parameters_row
from gliofit.publish.case_page import write_case_page
from gliofit.publish.patient_record import CaseSources
from gliofit.publish.settings import PublishSettings
from page_reader import PageReader

CASE = "synthetic-00000"
TRUTH = Theta((10.0, 0.0, 5.0), 8.0, 2.0)
ESTIMATES = {"direct": Theta((13.0, 0.0, 9.0), 10.0, 2.0), "gauss-newton": TRUTH}


def blob(brain: Tissue, theta: Theta) -> NDArray[np.float32]:
    world = brain.grid.voxel_to_world(np.moveaxis(np.indices(brain.grid.shape), 0, -1))
    distance = np.linalg.norm(world - theta.origin_mm, axis=-1)
    return (np.clip(1.2 - distance / (4 * theta.mu_d_mm), 0, 1) * brain.visible).astype(np.float32)


@pytest.fixture
def sources(tmp_path: Path, brain: Tissue) -> CaseSources:
    case_dir = tmp_path / "simulate"
    brain.save(case_dir)
    write_volume(case_dir / "labels.nii.gz", Volume(brain.labels, brain.grid))
    write_volume(case_dir / "concentration.nii.gz", Volume(blob(brain, TRUTH), brain.grid))
    row = dict(zip(SPACE.columns, TRUTH.to_array(), strict=True)) | {"volume_mm3": 43210.0, "integrator": "accurate"}
    write_table(case_dir / "truth.parquet", pd.DataFrame([row]))
    for method, theta in ESTIMATES.items():
        who = {"run": "fake", "cohort": "synthetic", "case": CASE, "method": method}
        outcome = Inversion(theta, 0.1, pd.DataFrame(), 10, 12.5, "ok", "")
        row = parameters_row(who, outcome, brain.grid, 1, "concentration", SPACE)
        write_table(tmp_path / "invert" / method / "parameters.parquet", pd.DataFrame([row]))
    for method, theta in (ESTIMATES | {"oracle": TRUTH}).items():
        final = {"status": "ok", "message": "", "integrator": "accurate", "wall_seconds": 1.0}
        write_table(tmp_path / "forward" / method / "forward.parquet", pd.DataFrame([final]))
        write_volume(tmp_path / "forward" / method / "concentration.nii.gz", Volume(blob(brain, theta), brain.grid))
    invert = {method: tmp_path / "invert" / method for method in ESTIMATES}
    forward = {method: tmp_path / "forward" / method for method in ESTIMATES}
    evaluate_case(
        "synthetic", CASE, case_dir, forward | {"oracle": tmp_path / "forward/oracle"}, invert,
        case_dir / "concentration.nii.gz", tmp_path / "evaluate", EvaluateSettings(), "fake", 1,
        truth_table=case_dir / "truth.parquet",
    )  # fmt: skip
    return CaseSources(CASE, case_dir, invert, forward, tmp_path / "evaluate/metrics.parquet")


def test_differences_equal_those_of_the_files(sources: CaseSources, brain: Tissue, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_case_page(sources, path, PublishSettings(), "fake")
    page = PageReader(path.read_text())
    content = json.loads(page.scripts["viewer-data"])
    layers = [layer for layer in content["layers"] if layer["group"] == "Estimate minus truth"]
    assert [layer["name"] for layer in layers] == ["Direct inverse", "Gauss-Newton on solver"]
    direct, exact = (page.volume(layer, tmp_path)[0] for layer in layers)
    low, high = content["colours"]["estimate − truth"]["range"]
    assert low == -high
    expected = blob(brain, ESTIMATES["direct"]) - blob(brain, TRUTH)
    assert high / 5 < np.abs(expected).max() <= high
    assert direct.max() == pytest.approx(expected.max(), abs=high / 250)
    assert direct.min() == pytest.approx(expected.min(), abs=high / 250)
    assert direct.sum() == pytest.approx(expected.sum(), rel=0.02)
    # A difference of zero is stored exactly.
    assert np.abs(exact).max() < 1e-6
