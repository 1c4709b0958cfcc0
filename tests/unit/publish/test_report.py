from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

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


class Reader(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def said(self):
        return " ".join(self.texts)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run):
    sources, facts = run
    path = sources.out_dir / "report.html"
    write_report(path, sources, facts)
    return path.read_text()


def test_one_file_without_outside_addresses(run, page):
    found = Reader(page)
    assert all(image["src"].startswith("data:image/png;base64,") for image in found.of("img"))
    assert all(image["alt"] for image in found.of("img"))
    # Three figures, registrations and patients; one view, pilot, learning curve, target volumes and study.
    assert len(found.of("img")) == 14
    assert not found.of("link")
    assert not re.search(r"https?:|@import|url\(", page)
    out = run[0].out_dir
    files = [link["href"] for link in found.of("a") if not link["href"].startswith("#")]
    assert "patients/patient-00001.html" in files
    assert all((out / name).is_file() for name in files)
    places = {attributes.get("id") for attributes in found.of("h2")}
    assert {link["href"][1:] for link in found.of("a") if link["href"].startswith("#")} == places


def test_everything_is_escaped(tmp_path):
    sources, facts = make_run(tmp_path)
    named = replace(facts, run=ESCAPED, publish=PublishSettings(method_names={"hybrid": f"A{ESCAPED}"}))
    write_report(tmp_path / "report.html", sources, named)
    text = (tmp_path / "report.html").read_text()
    assert ESCAPED not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert len(Reader(text).of("script")) == 1


def test_warnings_name_what_matters_gravest_first(run):
    sources, facts = run
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    checks = {case: read_table(folder / "qc.parquet").iloc[0] for case, folder in sources.case_dirs.items()}
    networks = {"guided-unet": read_json(sources.networks[0] / "model.json")}
    record = read_run_record(sources.run_dir)
    found = run_warnings(cohorts, checks, networks, record, True, facts.publish)
    # Registrations, patients left out, failures of both cohorts, networks; then six that hold for the whole run.
    parts = ("patient-00002", "patient-00001", "patient-00003", "1 of 6", "1 of 3", "guided-unet 50%")
    assert len(found) == 12
    assert all(part in text for text, part in zip(found, parts, strict=False))


def test_summary_names_the_best_of_those_that_did_every_case(run):
    sources, facts = run
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    synthetic, _ = summary_sentences(cohorts, False, facts.publish)
    medians = cohorts["synthetic"].metrics.groupby("method")["mse_volume"].median()
    assert medians.drop("oracle").idxmin() == "gauss-newton"
    assert "Gauss-Newton on solver" in synthetic
    # One that fails on what is hard does not win.
    metrics = cohorts["synthetic"].metrics.copy()
    best = metrics["method"] == "gauss-newton"
    metrics.loc[best & (metrics["case"] == "synthetic-00000"), ["status", "mse_volume"]] = ["failed", float("nan")]
    [text] = summary_sentences({"synthetic": replace(cohorts["synthetic"], metrics=metrics)}, False, facts.publish)
    assert "CMA-ES on solver" in text


def test_times_are_summed_by_stage(run):
    table = stage_times(run[0].run_dir).set_index("stage")
    assert table.loc["invert", ["jobs", "cpu_seconds", "longest_seconds", "memory_mb"]].tolist() == [2, 90.5, 90.5, 500]
    assert list(stage_times(run[0].run_dir, "draw")["stage"]) == ["invert"]
    assert stage_times(run[0].run_dir / "nowhere").empty


def test_settings_are_given_with_default_and_meaning_and_without_folders():
    raw = {
        "run": "mine", "patients": {"source": "/home/somebody/brats"}, "publish": {"dpi": 100},
        "invert": {"methods": {"direct": {"inverter": "direct"}}}, "evaluate": {"reference_method": "direct"},
        "cohorts": ["synthetic"],
    }  # fmt: skip
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in changed_settings(load_config(raw)).grid().rows}
    assert rows["publish.dpi"] == [
        "100",
        str(PublishSettings().dpi),
        "Resolution of the PNG figures, in dots per inch.",
    ]
    assert rows["patients.source"][0] == "…/brats"
    assert not any("somebody" in text for row in rows.values() for text in row)
    assert "publish.significance" not in rows
    assert changed_settings(load_config({})).frame.empty
