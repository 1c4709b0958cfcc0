from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from zipfile import ZipFile

import pandas as pd
import pytest

from fake_run import ESCAPED, make_run
from gliofit.core.errors import InputError
from gliofit.core.io import read_json, read_table, write_json, write_table
from gliofit.pipeline.config import load_config
from gliofit.publish.captions import CAPTIONS, caption_files
from gliofit.publish.cohort import Cohort
from gliofit.publish.pack import pack
from gliofit.publish.report import write_report
from gliofit.publish.report_summary import summary_sentences
from gliofit.publish.report_warnings import run_warnings
from gliofit.publish.run_record import RunRecord, read_run_record, stage_times
from gliofit.publish.settings import PublishSettings
from gliofit.publish.settings_text import changed_settings
from gliofit.publish.shown import show_file
from gliofit.report.table import load_table


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


def test_same_results_give_the_same_bytes(run, page, tmp_path):
    sources, facts = run
    write_report(tmp_path / "again.html", replace(sources, out_dir=sources.out_dir), facts)
    assert (tmp_path / "again.html").read_text() == page


def test_what_was_run_is_told(page):
    said = Reader(page).said
    for text in (
        "fake, seed 7", "3 of 4 patients", "mni152, voxels of 1 × 1 × 1 mm", "2026-11-22 22:50 to 2026-11-22 22:51 UTC",
        "2 min in 3 jobs", "AMD EPYC", "000000000000, 111111111111 with changes",
        "Research output, not for clinical decisions",
    ):  # fmt: skip
        assert text in said, text


def test_warnings_name_what_matters_gravest_first(run, page):
    sources, facts = run
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    checks = {case: read_table(folder / "qc.parquet").iloc[0] for case, folder in sources.case_dirs.items()}
    networks = {"guided-unet": read_json(sources.networks[0] / "model.json")}
    record = read_run_record(sources.run_dir)
    found = run_warnings(cohorts, checks, networks, record, True, facts.publish)
    beginnings = (
        "Poor registrations, whose results should not be used: patient-00002 (mirrored)",
        "Registrations that a person should look at before the results are used: patient-00001",
        "Left out are 1 of 4 patients: patient-00003 (no T1 image",
        "Failed, on synthetic cases: Gradient on surrogate 1 of 6 (diverged)",
        "Failed, on patients: LMI 1 of 3 (diverged)",
        "Networks with a large validation loss, as a share of that of a constant guess: guided-unet 50%",
        "The tumours of synthetic cases were grown by the solver that scores estimates",
        "The patients are phantoms",
        "Few synthetic cases (n = 6)",
        "With 3 patients no test between methods is possible (it takes 6)",
        "Jobs were run by 2 revisions",
        "The code had changes that were not committed",
    )
    assert len(found) == len(beginnings)
    for text, beginning in zip(found, beginnings, strict=True):
        assert text.startswith(beginning)
    # Those of the page are of real patients.
    assert "phantoms" not in Reader(page).said.partition("What was run")[0]


def test_doubts_of_methods_are_told_once_without_the_numbers_that_differ(run):
    cohort = Cohort.load(run[0].evaluations["patients"])
    metrics = cohort.metrics.copy()
    metrics.loc[metrics["method"] == "hybrid", "message"] = [f"mu_D is at its bound {i}; steps small" for i in range(3)]
    metrics.loc[metrics["method"] == "direct", ["status", "message"]] = ["not-converged", "budget of 9 used up"]
    quiet = RunRecord(1, (), {}, (), None, None)
    found = run_warnings({"patients": replace(cohort, metrics=metrics)}, {}, {}, quiet, False, PublishSettings())
    assert "MU_D is at its bound …; on 3 of 3 patients, Hybrid." in [text.replace("Mu_D", "MU_D") for text in found]
    assert any("converged, on patients: Direct inverse 3 of 3 (budget of 9 used up)" in text for text in found)
    assert not any("steps small" in text for text in found)


def test_summary_names_the_best_of_those_that_did_every_case(run):
    sources, facts = run
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    synthetic, patients = summary_sentences(cohorts, False, facts.publish)
    medians = cohorts["synthetic"].metrics.groupby("method")["mse_volume"].median()
    assert medians.drop("oracle").idxmin() == "gauss-newton"
    assert synthetic.startswith("On 6 synthetic tumours, whose truth is known, Gauss-Newton on solver came closest")
    assert patients.startswith("On 3 of 4 patients, of 4 methods with a growth model that saw the segmentation")
    # A field without a model can follow any outline, and is no rival.
    metrics = cohorts["patients"].metrics.copy()
    metrics.loc[metrics["method"] == "static-field", ["final_integrator", "dice_whole_033"]] = ["none", 0.99]
    [text] = summary_sentences({"patients": replace(cohorts["patients"], metrics=metrics)}, True, facts.publish)
    assert text.startswith("On 3 of 4 phantom patients, of 3 methods")
    assert "0.99" not in text
    # One that fails on what is hard does not win.
    metrics = cohorts["synthetic"].metrics.copy()
    best = metrics["method"] == "gauss-newton"
    metrics.loc[best & (metrics["case"] == "synthetic-00000"), ["status", "mse_volume"]] = ["failed", float("nan")]
    [text] = summary_sentences({"synthetic": replace(cohorts["synthetic"], metrics=metrics)}, False, facts.publish)
    assert "CMA-ES on solver came closest" in text


def test_tables_hold_numbers_to_sort_by_and_the_papers_lines(page):
    assert page.count('class="sortable"') == page.count("<table")
    values = [float(text) for text in re.findall(r'data-value="([^"]+)"', page)]
    assert 2.31e-9 in values
    assert 1200 in values
    row = next(part for part in page.split("<tr") if ">paper</td>" in part and "0.340 ± 0.080" in part)
    assert row.startswith(' class="more"')
    assert 'class="faint" data-value="0.34"' in row
    # A column without anything in it is left out.
    assert "with nothing" not in page
    assert "a | b" in page


def test_damaged_files_are_told(run, tmp_path):
    path = tmp_path / "table.json"
    path.write_text('{"title": "no frame"}')
    with pytest.raises(InputError, match=r"table\.json") as error:
        load_table(path)
    assert error.value.code == "damaged-table"
    path.write_text("no picture")
    with pytest.raises(InputError, match="is no picture"):
        show_file(path, "a picture", 100)
    with pytest.raises(InputError, match="file not found"):
        load_table(tmp_path / "none.json")


def test_a_run_with_a_study_alone_has_a_report(run, tmp_path):
    sources, facts = run
    bare = replace(
        sources, evaluations={}, tables=(), figures=(), case_dirs={}, concentrations={}, pages={}, views={},
        networks=(), plans=(), plan_pictures={},
    )  # fmt: skip
    write_report(tmp_path / "report.html", bare, facts)
    said = Reader((tmp_path / "report.html").read_text()).said
    assert "Errors of inversions" in said
    assert "In short" not in said


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


def test_pictures_are_scaled_and_small_ones_are_not(tmp_path, run):
    path = run[0].figures[2]
    assert show_file(path, "text", 400).size == (400, 30)
    assert show_file(path, "text", 5000).size == (800, 60)


def test_every_caption_is_in_a_file_of_the_other_report():
    text = " ".join(" ".join(content.split()) for content in caption_files().values())
    for name, caption in CAPTIONS.items():
        assert caption in text, name
    assert '{% if snakemake.wildcards.number == "1" %}\nTable 1' in caption_files()["table.rst"]


def test_a_pack_holds_the_same_bytes_whenever_it_is_made(run, page, tmp_path):
    folder = run[0].out_dir
    files = [folder / "report.html", *run[0].pages.values()]
    for name, order in (("one", files), ("two", files[::-1])):
        pack(tmp_path / f"{name}.zip", folder.parent, order)
        files[0].touch()
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist()[-1] == "publish/report.html"
        assert archive.read("publish/report.html").decode() == page


def test_large_losses_are_judged_by_what_a_network_is_for(run, tmp_path):
    quiet = RunRecord(1, (), {}, (), None, None)
    model = {"kind": "direct-inverse", "validation": {"loss": 0.4, "baseline": {"loss": 1.0}}}
    assert run_warnings({}, {}, {"direct": model}, quiet, False, PublishSettings()) == []
    assert run_warnings({}, {}, {"direct": model | {"kind": "surrogate"}}, quiet, False, PublishSettings())


def test_an_unknown_patient_is_told(run, tmp_path):
    sources, facts = run
    folder = tmp_path / "nobody"
    row = read_table(sources.case_dirs["patient-00000"] / "qc.parquet")
    write_table(folder / "qc.parquet", pd.DataFrame(row))
    write_json(folder / "unused.json", {})
    with pytest.raises(InputError, match="nobody"):
        write_report(tmp_path / "report.html", replace(sources, case_dirs={"nobody": folder}), facts)
