"""The notebook runs on results as the workflow leaves them, here of one small phantom; the committed one shows some."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import write_table, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.cohort import evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.forward.run import run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, invert_case
from gliofit.invert.settings import InvertSettings
from gliofit.solver.accurate import AccurateSolver
from tools.reproduce.notebook import execute_notebook

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs/notebooks/refit.ipynb"
CASE, TRUTH = "ball-00000", Theta((-20.0, 8.0, 12.0), 9.0, 3.6)
METHODS = {"gauss-newton": {"inverter": "gauss-newton", "levels": [{"spacing_mm": 8.0, "evaluations": 6}]}}


def write_run(results: Path, tissue: Tissue) -> None:
    """One patient whose tumour is known, inverted and scored by one method; both cohorts have it."""
    case_dir = results / "register/patients" / CASE
    tissue.save(case_dir)
    grid = tissue.grid
    field = Volume(AccurateSolver().solve(tissue, TRUTH).concentration, grid)
    image = 100.0 * tissue.labels + np.random.default_rng(1).random(grid.shape)
    write_volume(case_dir / "t1.nii.gz", Volume((image * (tissue.labels > 0)).astype(np.float32), grid))
    labels = np.select([field.data >= 0.6, field.data >= 0.33], [TumourLabel.ENHANCING, TumourLabel.OEDEMA])
    write_volume(case_dir / "segmentation.nii.gz", Volume(labels.astype(np.uint8), grid))
    write_volume(case_dir / "concentration.nii.gz", field)
    names = ("origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho")
    truth = pd.DataFrame([dict(zip(names, TRUTH.to_array(), strict=True)) | {"integrator": "accurate"}])
    write_table(results / "register/phantoms" / CASE / "truth.parquet", truth)
    write_table(case_dir / "truth.parquet", truth)

    settings = InvertSettings.model_validate({"methods": METHODS, "patient_observation": "segmentation"})
    for cohort in ("synthetic", "patients"):
        place = Path(cohort) / CASE / "gauss-newton"
        invert, forward, out = results / "invert" / place, results / "forward" / place, results / "evaluate" / cohort
        files = CaseFiles(case_dir, cohort, CASE, "labels")
        invert_case(files, "gauss-newton", settings, Networks(), invert, "tiny", 1, 1)
        run_forward(
            case_dir, invert / "parameters.parquet", forward, ForwardSettings(), "labels",
            run="tiny", cohort=cohort, case=CASE, method="gauss-newton", seed=1,
        )  # fmt: skip
        evaluate = EvaluateSettings.model_validate({"reference_method": "gauss-newton", "bootstrap_samples": 100})
        reference = forward / "concentration.nii.gz" if cohort == "patients" else None
        evaluate_case(
            cohort, CASE, case_dir, {"gauss-newton": forward}, {"gauss-newton": invert}, reference, out / CASE,
            evaluate, "tiny", 1,
        )  # fmt: skip
        files = [[out / CASE / f"{name}.parquet"] for name in ("metrics", "dice_curve", "agreement")]
        evaluate_cohort(*files, {}, out, evaluate)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, brain: Tissue) -> list[Any]:
    """What the cells of the notebook show."""
    results = tmp_path_factory.mktemp("notebook") / "tiny"
    write_run(results, brain)
    parameters = {"results": str(results), "finest_mm": 4.0, "other_thresholds": [(0.2, 0.5)], "threads": 1}
    cells = execute_notebook(NOTEBOOK, parameters).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def texts(outputs: list[Any]) -> list[str]:
    """Tables and lines that the cells gave, as text."""
    return [output.get("text") or output["data"]["text/plain"] for output in outputs]


def test_notebook_shows_tables_and_pictures_of_the_run(outputs: list[Any]) -> None:
    shown = "\n".join(texts(outputs))
    assert f"{CASE}, one of 1 patients" in shown
    assert "Gauss-Newton on solver" in shown
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_refits_find_the_truth_under_the_thresholds_it_was_cut_at(outputs: list[Any]) -> None:
    table = next(text for text in texts(outputs) if "(default)" in text)
    line = next(line for line in table.splitlines() if "(default)" in line)
    numbers = re.findall(r"\d+\.\d+", line.split("(default)")[1])
    mu_d, mu_rho, whole, core = map(float, numbers[:4])
    assert mu_d == pytest.approx(TRUTH.mu_d_mm, rel=0.2)
    assert mu_rho == pytest.approx(TRUTH.mu_rho, rel=0.1)
    assert min(whole, core) > 0.9
    other = next(line for line in table.splitlines() if line.startswith("0.2, 0.5"))
    assert float(re.findall(r"\d+\.\d+", other)[3]) != pytest.approx(mu_rho, rel=1e-3)
