from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fake_run import ESCAPED, make_run
from gliofit.core.io import read_json, read_table
from gliofit.pipeline.config import load_config
from gliofit.publish.cohort import Cohort
from gliofit.publish.report import write_report
from gliofit.publish.report_texts import run_warnings, summary_sentences
from gliofit.publish.run_record import read_run_record, stage_times
from gliofit.publish.settings import PublishSettings
from gliofit.publish.settings_text import changed_settings
from page_reader import PageReader


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run):
    sources, facts = run
    path = sources.out_dir / "report.html"
    write_report(path, sources, facts)
    return path.read_text()


def test_report_is_self_contained(run, page):
    reader = PageReader(page)
    images = reader.attributes("img")
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in images)
    # Three figures, registrations and patients; one view, pilot, learning curve, target volumes and study.
    assert len(images) == 14
    assert not reader.attributes("link")
    assert not re.search(r"https?:|@import|url\(", page)
    targets = [link["href"] for link in reader.attributes("a")]
    files = [target for target in targets if not target.startswith("#")]
    assert "patients/patient-00001.html" in files
    assert all((run[0].out_dir / name).is_file() for name in files)
    headings = {attributes.get("id") for attributes in reader.attributes("h2")}
    assert {target[1:] for target in targets if target.startswith("#")} == headings


def test_texts_are_escaped(tmp_path):
    sources, facts = make_run(tmp_path)
    named = replace(facts, run=ESCAPED, publish=PublishSettings(method_names={"hybrid": f"A{ESCAPED}"}))
    write_report(tmp_path / "report.html", sources, named)
    text = (tmp_path / "report.html").read_text()
    assert ESCAPED not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert len(PageReader(text).attributes("script")) == 1


@pytest.fixture(scope="module")
def cohorts(run):
    return {name: Cohort.load(folder) for name, folder in run[0].evaluations.items()}


def test_warnings_are_sorted_by_severity(run, cohorts):
    sources, facts = run
    checks = {case: read_table(folder / "qc.parquet").iloc[0] for case, folder in sources.case_dirs.items()}
    networks = {"guided-unet": read_json(sources.networks[0] / "model.json")}
    warnings = run_warnings(cohorts, checks, networks, read_run_record(sources.run_dir), True, facts.publish)
    # Registrations, excluded patients, failures of both cohorts, networks; then six about the whole run.
    parts = ("patient-00002", "patient-00001", "patient-00003", "1 of 6", "1 of 3", "guided-unet 50%")
    assert len(warnings) == 12
    assert all(part in text for text, part in zip(warnings, parts, strict=False))


def test_methods_without_tumour_are_listed_without_reasons(run, cohorts):
    metrics = cohorts["synthetic"].metrics.copy()
    metrics.loc[metrics["method"] == "direct", ["dice_whole_033", "message"]] = [0.0, "steps are small"]
    cohort = {"synthetic": replace(cohorts["synthetic"], metrics=metrics)}
    warnings = run_warnings(cohort, {}, {}, read_run_record(run[0].run_dir), False, run[1].publish)
    [text] = [warning for warning in warnings if "0.33" in warning]
    assert "Direct inverse 6 of 6" in text
    assert "steps are small" not in text


def test_summary_names_the_best_method_without_failures(run, cohorts):
    synthetic, _ = summary_sentences(cohorts, False, run[1].publish)
    medians = cohorts["synthetic"].metrics.groupby("method")["mse_volume"].median()
    assert medians.drop("oracle").idxmin() == "gauss-newton"
    assert "Gauss-Newton on solver" in synthetic
    # A method that fails on a case is not compared.
    metrics = cohorts["synthetic"].metrics.copy()
    best = metrics["method"] == "gauss-newton"
    metrics.loc[best & (metrics["case"] == "synthetic-00000"), ["status", "mse_volume"]] = ["failed", float("nan")]
    [text] = summary_sentences({"synthetic": replace(cohorts["synthetic"], metrics=metrics)}, False, run[1].publish)
    assert "CMA-ES on solver" in text


def test_times_are_summed_by_stage(run):
    table = stage_times(run[0].run_dir).set_index("stage")
    assert table.loc["invert", ["jobs", "cpu_seconds", "longest_seconds", "memory_mb"]].tolist() == [2, 90.5, 90.5, 500]
    assert list(stage_times(run[0].run_dir, "draw")["stage"]) == ["invert"]
    assert stage_times(run[0].run_dir / "missing").empty


def test_changed_settings_have_default_and_meaning_but_no_folders():
    raw = {
        "run": "mine", "patients": {"source": "/home/somebody/brats"}, "publish": {"dpi": 100},
        "invert": {"methods": {"direct": {"inverter": "direct"}}}, "evaluate": {"reference_method": "direct"},
        "cohorts": ["synthetic"],
    }  # fmt: skip
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in changed_settings(load_config(raw)).grid().rows}
    assert rows["publish.dpi"] == ["100", "300", PublishSettings.model_fields["dpi"].description]
    assert rows["patients.source"][0] == "…/brats"
    assert not any("somebody" in text for row in rows.values() for text in row)
    assert "publish.significance" not in rows
    assert changed_settings(load_config({})).frame.empty
