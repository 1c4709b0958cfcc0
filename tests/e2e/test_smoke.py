"""The real chain, every stage and every method, on the smallest of cases (smoke.yaml)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from e2e.runner import REPOSITORY, Runner
from gliofit.pipeline.config import read_config
from gliofit.pipeline.estimate.costs import START_SECONDS, read_costs
from gliofit.pipeline.estimate.dry_run import plan_jobs
from gliofit.pipeline.estimate.run import estimate_run
from gliofit.pipeline.provenance import trace, tree_text
from tools.reproduce.record import record_run

snakemake = Runner("smoke.yaml")
METHODS = [
    "cmaes-solver", "cmaes-surrogate", "direct", "gradient-surrogate", "gradient-surrogate-com", "hybrid", "hybrid-com",
    "gauss-newton", "direct-refined", "gliodil", "lmi",
]  # fmt: skip
IDENTITY = ["run", "cohort", "case", "method", "status", "message", "seed"]

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder in which the chain has run once."""
    folder = tmp_path_factory.mktemp("smoke")
    snakemake.succeed(folder)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Path:
    return folder / "results/smoke"


@contextmanager
def without(path: Path) -> Iterator[None]:
    """A file taken away for a moment; its time stamp survives."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def test_second_call_has_nothing_to_do(folder: Path) -> None:
    assert "Nothing to be done" in snakemake.succeed(folder)


CASE = {"evaluate_case": 1, "evaluate_cohort": 1}
SYNTHETIC = CASE | {
    "write_table": 2, "write_refinement": 1, "draw_figure": 1, "write_report": 1, "write_case_page": 1
}  # fmt: skip
PATIENTS = CASE | {
    "write_table": 2, "write_refinement": 1, "draw_figure": 4, "write_patient_page": 1, "write_patient_index": 1,
    "draw_view3d": 1, "write_report": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("deleted", "expected"),
    [
        ("publish/tables/table2.md", {"write_table": 1, "write_report": 1}),
        (
            "invert/synthetic/synthetic-00000/hybrid/parameters.parquet",
            {"invert_case": 1, "run_forward": 2} | SYNTHETIC,
        ),
        (
            "invert/patients/phantom-00000/direct/trace.parquet",
            {"invert_case": 2, "run_forward": 1, "map_uncertainty": 1} | PATIENTS,
        ),
        (
            "forward/patients/phantom-00000/cmaes-solver/concentration.nii.gz",
            {"invert_case": 9, "run_forward": 2, "map_uncertainty": 1} | PATIENTS,
        ),
        (
            "simulate/synthetic/synthetic-00001/concentration.nii.gz",
            {"extract_case": 1, "invert_case": 11, "run_forward": 2} | SYNTHETIC,
        ),
    ],
)
def test_deleting_an_intermediate_reruns_what_depends_on_it(
    folder: Path, results: Path, deleted: str, expected: dict[str, int]
) -> None:
    with without(results / deleted):
        assert snakemake.planned(folder) == expected


def test_a_changed_setting_reruns_what_depends_on_it(folder: Path) -> None:
    result = snakemake(folder, "--dry-run", "--quiet", "rules", "--config", 'publish={"dpi": 100}')
    table = result.stdout.rpartition("Job stats:")[2]
    assert dict(re.findall(r"^(\w+)\s+(\d+)$", table, flags=re.MULTILINE)).keys() == {
        "all", "total", "write_table", "write_refinement", "draw_figure", "write_patient_page", "write_patient_index",
        "write_case_page", "draw_view3d", "study_figure", "assess_figures", "assess_sensitivity", "write_report",
    }  # fmt: skip


@pytest.mark.parametrize(("cohort", "cases"), [("synthetic", 2), ("patients", 1)])
def test_every_method_has_its_row(results: Path, cohort: str, cases: int) -> None:
    metrics = pd.read_parquet(results / f"evaluate/{cohort}/metrics.parquet")
    assert list(metrics.columns[:7]) == IDENTITY
    extra = ["oracle"] if cohort == "synthetic" else []
    for _, rows in metrics.groupby("case"):
        assert list(rows["method"]) == [*METHODS, *extra]
    assert metrics["case"].nunique() == cases
    assert set(metrics["status"]) <= {"ok", "not-converged", "failed"}
    assert (metrics["status"] != "failed").mean() > 0.8
    scored = metrics[(metrics["status"] != "failed") & (metrics["role"] != "reference")]
    assert np.isfinite(scored[["mse_volume", "mae_crop", "ncc_volume", "dice_whole_033"]].to_numpy(dtype=float)).all()


def test_oracle_is_the_floor_on_synthetic_cases(results: Path) -> None:
    metrics = pd.read_parquet(results / "evaluate/synthetic/metrics.parquet")
    oracle = metrics[metrics["method"] == "oracle"]["mse_volume"].mean()
    others = metrics[metrics["method"] != "oracle"].groupby("method")["mse_volume"].mean()
    assert oracle < others.min()


def test_estimates_are_on_the_grid_of_their_case(results: Path) -> None:
    for case in [*(results / "simulate/synthetic").iterdir(), *(results / "register/patients").iterdir()]:
        labels = nib.load(case / "labels.nii.gz")
        cohort = "synthetic" if case.parent.name == "synthetic" else "patients"
        found = list((results / "forward" / cohort / case.name).glob("*/concentration.nii.gz"))
        assert len(found) == len(METHODS) + 2 + (cohort == "synthetic")
        for path in found:
            image = nib.load(path)
            assert image.shape == labels.shape
            np.testing.assert_allclose(image.affine, labels.affine, atol=1e-4)
            data = np.asarray(image.dataobj)
            assert data.min() >= 0
            assert data.max() <= 1


def test_study_has_its_rows(results: Path) -> None:
    for preset in ("paper", "appendix-d"):
        table = pd.read_parquet(results / f"study/batches/{preset}-00000.parquet")
        runs = table[["scenario", "method"]].to_numpy().tolist()
        assert runs == [[s, m] for s in ("accurate", "reference") for m in ("cmaes-solver", "gauss-newton", "direct")]
        assert (table["status"] != "failed").all()
        same = table[table["scenario"] == "accurate"]
        assert (same["oracle_mse_volume"] < same["mse_volume"]).all()
    for name in ("study.md", "convergence.csv", "comparison.md", "study.png", "study.pdf"):
        assert (results / "study" / name).stat().st_size > 100


def test_surrogate_is_assessed_in_every_anatomy(results: Path) -> None:
    folder = results / "assess/models/guided-unet"
    anatomies = {"atlas": 5, "warped-00000": 2, "patient-phantom-00000": 2}
    for anatomy, cases in anatomies.items():
        rows = pd.read_parquet(folder / f"forward/{anatomy}.parquet")
        assert len(rows) == cases
        assert rows["mse_cube"].between(0, 1).all()
        gradients = pd.read_parquet(folder / f"gradients/{anatomy}.parquet")
        assert gradients["case"].nunique() == 1
        assert gradients["cosine"].abs().max() <= 1 + 1e-6
    for name in ("forward", "anatomies", "gradients", "calibration", "stability/stability"):
        assert "Guided U-Net" in (results / f"assess/{name}.md").read_text() or name.startswith("stab")
    for name in ("figure1b", "figure6", "gradients", "calibration", "training", "sensitivity/sensitivity"):
        assert (results / f"assess/{name}.png").stat().st_size > 5000
    starts = pd.read_parquet(results / "assess/stability/stability.parquet")
    assert starts["case"].nunique() == 2


def test_uncertainty_of_patients_is_mapped(results: Path) -> None:
    for method in ("gauss-newton", "direct-refined"):
        folder = results / f"forward/patients/phantom-00000/{method}"
        deviation = np.asarray(nib.load(folder / "uncertainty.nii.gz").dataobj)
        assert deviation.shape == nib.load(folder / "concentration.nii.gz").shape
        assert 0 < deviation.max() <= 0.5


def test_tables_and_figures_are_there(results: Path) -> None:
    tables = [f"tables/table{number}" for number in ("1", "2", "3", "3-segmentation")]
    figures = [f"figures/figure{number}" for number in ("3", "4", "4-segmentation", "7", "7-segmentation")]
    figures.append("patients/phantom-00000.3d")
    for names, suffixes, least in ((tables, ("csv", "md", "tex"), 300), (figures, ("png", "pdf"), 5000)):
        for name, suffix in product(names, suffixes):
            assert (results / f"publish/{name}.{suffix}").stat().st_size > least, name


def test_results_have_sidecars_without_machine_paths(folder: Path, results: Path) -> None:
    sidecar = json.loads((results / "invert/synthetic/synthetic-00000/hybrid/parameters.parquet.json").read_text())
    assert sidecar["rule"] == "invert_case"
    assert sidecar["params"]["settings"]["methods"].keys() == {"hybrid"}
    assert sidecar["versions"]["gliofit"]
    assert sidecar["seed"] == 7
    assert str(folder) not in json.dumps(sidecar)


def test_a_table_is_traced_to_the_atlas(results: Path) -> None:
    origin = trace(results / "publish/tables/table3.md")
    assert list(origin.notes()) == []
    text = tree_text(origin)
    for rule in ("evaluate_cohort", "evaluate_case", "run_forward", "invert_case", "train_model", "register_patient"):
        assert f" {rule} " in text
    # Where everything starts, told once.
    assert len(re.findall(r"^ *prepare_atlas, seed", text, flags=re.MULTILINE)) == 1


def test_costs_were_predicted(results: Path) -> None:
    costs = read_costs()
    # In a process of its own, where the measurement of coverage does not slow Python down.
    code = "from gliofit.pipeline.estimate.costs import calibration_seconds; print(calibration_seconds())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slowness = float(run.stdout) / costs.calibration_seconds
    config = REPOSITORY / "tests/e2e/smoke.yaml"
    total = estimate_run(plan_jobs(REPOSITORY, read_config(config), config, 2), 2, costs, slowness).total
    benchmarks = [pd.read_csv(path, sep="\t").iloc[0] for path in (results / "benchmarks").rglob("*.tsv")]
    assert total.jobs == len(benchmarks)
    report = results / "publish/workflow-report.html"
    size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file() and path != report)
    assert 0.5 < total.bytes / size < 2
    # Benchmarks know of jobs alone, not of what Snakemake takes to start them.
    predicted = total.cpu_seconds - slowness * START_SECONDS * total.jobs
    assert 0.5 < predicted / sum(row["cpu_time"] for row in benchmarks) < 2


def test_nothing_half_written_is_left(results: Path) -> None:
    assert not list(results.rglob(".tmp-*"))


def test_report_tells_what_was_run(folder: Path, results: Path) -> None:
    report = (results / "publish/report.html").read_text()
    assert str(folder) not in report
    # All jobs but the report itself were done before.
    assert f" in {len(list((results / 'benchmarks').rglob('*.tsv'))) - 1} jobs" in report
    # Figures 3, 4, 7 (two of both), pilot, study, assessment (six), three learning curves; registration, small picture
    # and view in three dimensions of the patient.
    assert len(re.findall("data:image/png", report)) == 5 + 1 + 1 + 6 + 3 + 3


def test_report_of_snakemake(folder: Path, results: Path) -> None:
    report = results / "publish/workflow-report.html"
    snakemake.succeed(folder, "--report", str(report.relative_to(folder)))
    assert report.stat().st_size > 100_000
    assert str(folder) not in report.read_text(errors="ignore")


def test_run_has_everything_that_the_page_on_reproduction_records(results: Path) -> None:
    record = record_run(results)
    assert {"cohorts", "study", "assess", "pilot"} <= set(record)
    assert record["cohorts"]["patients"]["phantoms"]
    assert set(METHODS) <= set(record["cohorts"]["synthetic"]["methods"])
    assert {"forward", "models", "stability", "sensitivity"} == set(record["assess"])
