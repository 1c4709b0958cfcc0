"""The growth model ``fisher-kolmogorov-grey`` from a simulated tumour to pages and a study: its own parameter is there.

The tumour grows with a diffusivity in grey matter that no other model allows, so only a fit that estimates the sixth
parameter can find it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_json, write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.cohort import evaluate_cohort
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.export.parameters import column_meanings, parameter_table
from gliofit.export.results import CaseResults
from gliofit.forward.run import map_uncertainty, run_forward
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.model import find_growth_model
from gliofit.growth.theta import Theta
from gliofit.invert.networks import Networks
from gliofit.invert.run import CaseFiles, invert_case
from gliofit.invert.settings import InvertSettings
from gliofit.publish.case_page import write_case_page
from gliofit.publish.patient_record import CaseSources
from gliofit.publish.report import ReportSources, RunFacts, write_report
from gliofit.publish.settings import PublishSettings
from gliofit.publish.tables import write_paper_table
from gliofit.report.table import load_table
from gliofit.simulate.grow import truth_row
from gliofit.simulate.pilot import pilot_table, write_pilot_report
from gliofit.simulate.settings import SimulateSettings
from gliofit.solver.accurate import AccurateSolver
from gliofit.study.figure import draw_study
from gliofit.study.run import run_cases
from gliofit.study.settings import StudySettings
from gliofit.study.tables import study_tables

MODEL, CASE, METHOD = "fisher-kolmogorov-grey", "synthetic-00000", "gauss-newton"
SPACE = find_growth_model(MODEL).space
TRUTH = Theta((8.0, -32.0, 20.0), 8.0, 3.0, 0.3, space=SPACE)
WHO = {"run": "fake", "cohort": "synthetic", "case": CASE, "method": METHOD}
SETTINGS = InvertSettings(methods={METHOD: {"inverter": "gauss-newton", "growth_model": MODEL}})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, brain: Tissue) -> Path:
    """Results of one synthetic case, from the simulation to the evaluation of the cohort."""
    root = tmp_path_factory.mktemp("results") / "fake"
    case_dir, inverted = root / "simulate/synthetic" / CASE, root / "invert/synthetic" / CASE / METHOD
    grown = AccurateSolver().solve(brain, TRUTH)
    brain.save(case_dir)
    write_volume(case_dir / "labels.nii.gz", Volume(brain.labels, brain.grid))
    write_volume(case_dir / "concentration.nii.gz", Volume(grown.volume.data * brain.visible, brain.grid))
    row = truth_row(TRUTH, grown.volume, 0.64, 0.09, 100.0, grown.volume_mm3, "accurate")
    write_table(case_dir / "truth.parquet", pd.DataFrame([row]))
    files = CaseFiles(case_dir, "synthetic", CASE, "probabilities")
    invert_case(files, METHOD, SETTINGS, Networks(), inverted, "fake", 1, 1)
    forward = root / "forward/synthetic" / CASE
    run_forward(
        case_dir, inverted / "parameters.parquet", forward / METHOD, ForwardSettings(), "probabilities", seed=1, **WHO
    )
    evaluation = root / "evaluate/synthetic"
    evaluate_case(
        "synthetic", CASE, case_dir, {METHOD: forward / METHOD}, {METHOD: inverted}, None, evaluation / CASE,
        EvaluateSettings(), "fake", 1,
    )  # fmt: skip
    tables = ([evaluation / CASE / f"{name}.parquet"] for name in ("metrics", "dice_curve", "agreement"))
    evaluate_cohort(*tables, {}, evaluation, EvaluateSettings(bootstrap_samples=100))
    return root


def parameters_of(root: Path) -> Path:
    return root / "invert/synthetic" / CASE / METHOD / "parameters.parquet"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int | str | None]:
    """Run a command with the growth model; return the exit status."""

    def execute(*arguments: object) -> int | str | None:
        with pytest.raises(SystemExit) as stop:
            cli.main([*map(str, arguments), "--growth-model", MODEL])
        return stop.value.code

    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)
    return execute


def test_the_command_fits_it(run: Path, tmp_path: Path, command: Callable[..., int]) -> None:
    case_dir, out = run / "simulate/synthetic" / CASE, tmp_path / "fit"
    files = ["--wm", case_dir / "wm.nii.gz", "--gm", case_dir / "gm.nii.gz"]
    files += ["--concentration", case_dir / "concentration.nii.gz", "--out", out]
    assert command("fit", *files, "--profile") == 0
    row = read_table(out / "parameters.parquet").iloc[0]
    assert row["growth_model"] == MODEL
    assert row["grey_share"] == pytest.approx(TRUTH.grey_share, rel=0.02)
    assert row["grey_share_low"] < row["grey_share"] < row["grey_share_high"]
    assert row["grey_share_profile_low"] < row["grey_share"] < row["grey_share_profile_high"]
    assert set(read_table(out / "profile.parquet")["parameter"]) == set(SPACE.columns)
    assert read_volume(out / "uncertainty.nii.gz").data.max() > 0
    assert (out / "summary.png").stat().st_size > 50_000


def test_a_method_that_cannot_fit_it_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[..., int]
) -> None:
    case_dir = run / "simulate/synthetic" / CASE
    files = ["--tissue", case_dir / "labels.nii.gz", "--concentration", case_dir / "concentration.nii.gz"]
    assert command("fit", *files, "--method", "cmaes-surrogate", "--out", tmp_path / "fit", "--json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "method-without-growth-model"


def test_the_command_grows_it(run: Path, tmp_path: Path, command: Callable[..., int], brain: Tissue) -> None:
    case_dir, out = run / "simulate/synthetic" / CASE, tmp_path / "c.nii.gz"
    seed = TRUTH.origin_voxel(brain.grid).tolist()
    arguments = ["--wm", case_dir / "wm.nii.gz", "--gm", case_dir / "gm.nii.gz", "--seed", *seed, "--mu-d", 8]
    assert command("solve", *arguments, "--mu-rho", 3, "--parameter", "grey_share=0.3", "--out", out) == 0
    truth = read_volume(case_dir / "concentration.nii.gz").data
    np.testing.assert_allclose(read_volume(out).data * brain.visible, truth, atol=1e-3)


def test_uncertainty_reaches_the_concentration(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "uncertainty.nii.gz"
    case_dir = run / "simulate/synthetic" / CASE
    map_uncertainty(case_dir, parameters_of(run), path, ForwardSettings(), "probabilities")
    assert read_volume(path).data.max() > 0
    assert len(read_table(parameters_of(run)).loc[0, "covariance"]) == 36


def test_evaluation_scores_it(run: Path, tmp_path: Path) -> None:
    folder = run / "evaluate/synthetic"
    metrics, summary = (read_table(folder / f"{name}.parquet") for name in ("metrics", "summary"))
    row = metrics.iloc[0]
    assert row["growth_model"] == MODEL
    assert row["grey_share"] == pytest.approx(TRUTH.grey_share, rel=0.02)
    assert row["grey_share_relative_error"] == pytest.approx(abs(row["grey_share"] / TRUTH.grey_share - 1))
    assert row["grey_share_relative_error"] < 0.02
    found = summary.set_index("metric")["mean"]
    assert found["grey_share_relative_error"] == pytest.approx(row["grey_share_relative_error"])
    write_paper_table("table1", folder, tmp_path, PublishSettings())
    frame = load_table(tmp_path / "table1.json").frame.set_index("method")
    assert frame.loc[METHOD, "grey_share_relative_error_mean"] == pytest.approx(row["grey_share_relative_error"])
    assert r"D_\mathrm{GM} / D_\mathrm{WM}" in (tmp_path / "table1.tex").read_text()


def test_pages_show_it(run: Path, tmp_path: Path) -> None:
    row = read_table(parameters_of(run)).iloc[0]
    folder = run / "evaluate/synthetic"
    sources = CaseSources(
        CASE, run / "simulate/synthetic" / CASE, {METHOD: parameters_of(run).parent},
        {METHOD: run / "forward/synthetic" / CASE / METHOD}, folder / CASE / "metrics.parquet",
    )  # fmt: skip
    write_case_page(sources, tmp_path / "case.html", PublishSettings(), "fake")
    page = (tmp_path / "case.html").read_text()
    quantity = SPACE.parameters[5]
    assert quantity.heading in page
    assert f"{row['grey_share']:.2f}" in page
    write_json(tmp_path / "atlas.json", {"name": "ball", "spacing_mm": [4.0, 4.0, 4.0]})
    write_paper_table("table1", folder, tmp_path, PublishSettings())
    report = ReportSources(
        run, tmp_path, tmp_path / "atlas.json", {"synthetic": folder}, tables=[tmp_path / "table1.json"]
    )
    write_report(tmp_path / "report.html", report, RunFacts("fake", 1, False, 4.0, "paper", PublishSettings()))
    assert f"{quantity.heading} MAE" in (tmp_path / "report.html").read_text()


def test_export_describes_it(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fake/invert/patients/someone" / METHOD
    folder.mkdir(parents=True)
    (folder / "parameters.parquet").write_bytes(parameters_of(run).read_bytes())
    results = CaseResults("someone", tmp_path / "fake", (METHOD,), ())
    assert column_meanings(results)["grey_share"]["Units"] == "1"
    heading, values = (line.split("\t") for line in parameter_table(results).splitlines())
    assert float(values[heading.index("grey_share")]) == pytest.approx(TRUTH.grey_share, rel=0.02)
    assert float(values[heading.index("grey_share_high")]) > TRUTH.grey_share / 1.1


def test_the_pilot_draws_it(brain: Tissue, tmp_path: Path) -> None:
    settings = SimulateSettings(growth_model=MODEL, pilot_samples=10, pilot_spacing_mm=8.0)
    table = pilot_table(brain, settings, 1)
    low, high = SPACE.parameters[5].bounds
    assert table["grey_share"].between(low, high).all()
    assert table["grey_share"].nunique() == len(table)
    write_pilot_report(table, settings, tmp_path)
    assert json.loads((tmp_path / "pilot.json").read_text())["grey_share"]["mean"] > 0


def test_a_study_recovers_it(brain: Tissue, tmp_path: Path) -> None:
    brain.save(tmp_path / "atlas")
    study = StudySettings(spacing_mm=4.0, growth_model=MODEL, methods=[METHOD], scenarios={"accurate": {}})
    cases, traces = run_cases(tmp_path / "atlas", "paper", [0], study, SETTINGS, ForwardSettings(), 1)
    row = cases.iloc[0]
    assert (row["status"], row["growth_model"]) == ("ok", MODEL)
    assert row["estimate_grey_share"] == pytest.approx(row["grey_share"], rel=0.02)
    assert row["grey_share_relative_error"] == pytest.approx(abs(row["estimate_grey_share"] / row["grey_share"] - 1))
    assert isinstance(row["inside_grey_share"], (bool, np.bool_))
    table = study_tables(cases, traces)["study"]
    assert table.frame["grey_share_relative_error_median"].iloc[0] == pytest.approx(row["grey_share_relative_error"])
    assert any(column.name == "grey_share_bias_median" for column in table.columns)
    draw_study(cases, traces, tmp_path)
    assert (tmp_path / "study.png").stat().st_size > 10_000
