"""The page on reproduction: never stale, its numbers those of the records, and whatever it names exists."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gliofit.core.errors import InputError
from gliofit.core.yaml_file import read_yaml
from gliofit.paper import paper_table
from gliofit.pipeline.config import Config, describe_keys, read_config
from tools.reproduce.__main__ import main
from tools.reproduce.claims import CLAIMS, claims_table
from tools.reproduce.front import front_text
from tools.reproduce.page import DISAGREEMENTS, MISSING_ITEMS, PICTURES, page_text
from tools.reproduce.runs import KNOWN_RUNS
from tools.reproduce.sources import read_records
from tools.reproduce.tables import table2

REPOSITORY = Path(__file__).resolve().parents[3]
RECORDS = REPOSITORY / "docs/reproduction"


@pytest.fixture
def records() -> dict[str, Any]:
    return copy.deepcopy(dict(read_records(RECORDS)))


def test_committed_page_is_made_from_the_committed_records() -> None:
    assert (REPOSITORY / "docs/reproduction.md").read_text() == page_text(RECORDS), "run `make reproduction`"
    readme = (REPOSITORY / "README.md").read_text()
    assert readme == front_text(readme, RECORDS), "run `make reproduction`"
    row = next(line for line in readme.splitlines() if line.startswith("| CMA-ES on solver |"))
    record = json.loads((RECORDS / "demo.json").read_text())
    mean = record["cohorts"]["synthetic"]["methods"]["cmaes-solver"]["values"]["mu_d_relative_error"][0]
    assert f"| {100 * mean:.3g} |" in row
    with pytest.raises(InputError, match="has no place for results"):
        front_text("# a README", RECORDS)


def test_a_changed_record_changes_the_page(tmp_path: Path) -> None:
    for path in RECORDS.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    demo = json.loads((tmp_path / "demo.json").read_text())
    demo["cohorts"]["synthetic"]["methods"]["hybrid"]["values"]["mse_volume"][:3] = [2.7e-3, 1e-4, 2.5e-3]
    (tmp_path / "demo.json").write_text(json.dumps(demo))
    assert main(["page", "--records", str(tmp_path), "--out", str(tmp_path / "page.md")]) == 0
    assert "2.70\u00a0±\u00a00.10" in (tmp_path / "page.md").read_text()
    assert "2.70\u00a0±\u00a00.10" not in page_text(RECORDS)


def test_ratio_and_difference_are_ours_against_the_paper_s(records: dict[str, Any]) -> None:
    values = records["demo"]["cohorts"]["synthetic"]["methods"]["hybrid"]["values"]
    values["mse_volume"][0] = 3 * paper_table(2)["hybrid"].values["mse_volume"].mean
    values["ncc_volume"][0] = paper_table(2)["hybrid"].values["ncc_volume"].mean - 0.2
    rows = table2(records).parts[0].grid().rows
    cells = next(row for row in rows if [cell.text for cell in row[:2]] == ["Hybrid", "demo"])
    assert [cell.text.split("<br>")[2] for cell in cells[3:5]] == ["× 3.00", "−0.200"]


def test_statements_are_judged_by_the_records(records: dict[str, Any]) -> None:
    def verdict() -> str:
        rows = claims_table(records).grid().rows
        row = next(row for row in rows if "direct prediction reproduces the reference better" in row[1].text)
        return row[-1].text

    assert verdict() == "no"
    methods = records["brats"]["cohorts"]["patients"]["methods"]
    direct, gradient = (methods[name]["values"]["mse_volume"] for name in ("direct", "gradient-surrogate"))
    direct[0], gradient[0] = gradient[0], direct[0]
    assert verdict() == "yes"


def test_every_statement_is_examined_in_the_committed_records(records: dict[str, Any]) -> None:
    assert [claim.says for claim in CLAIMS if not list(claim.examine(records))] == []


def test_a_run_that_nobody_made_leaves_lines_out(records: dict[str, Any]) -> None:
    without = {name: record for name, record in records.items() if name != "brats"}
    cells = [cell.text for row in claims_table(without).grid().rows for cell in row]
    assert "no record says anything about it" in cells
    assert not any(text.startswith("brats") for text in cells)


def test_no_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no records"):
        page_text(tmp_path)


def test_settings_that_switch_a_disagreement_exist() -> None:
    keys = {key for key, *_ in describe_keys()}
    named = {key for item in read_yaml(DISAGREEMENTS)["items"] for key in item["settings"]}
    assert named - keys == set()


def merged(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings over others, as Snakemake puts one configuration over another."""
    both = [{key: merged(below[key], value)} for key, value in over.items()
            if isinstance(value, dict) and isinstance(below.get(key), dict)]  # fmt: skip
    return below | over | {key: value for part in both for key, value in part.items()}


def test_what_would_make_the_missing_is_possible() -> None:
    items = read_yaml(MISSING_ITEMS)["items"]
    for item in items:
        if "config" in item:
            Config.model_validate(merged(read_yaml(REPOSITORY / item["over"]), item["config"]))
    commands = [item["command"] for item in items if "command" in item]
    commands += [picture["command"] for picture in read_yaml(PICTURES)["pictures"].values()]
    commands += [run.command for run in KNOWN_RUNS]
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE))
    for command in commands:
        program, first = command.split()[:2]
        assert program in ("make", "snakemake", "gliofit", "python")
        if program == "python":
            module = command.split()[2]
            assert (REPOSITORY / f"{module.replace('.', '/')}.py").is_file()
        if program == "make":
            assert first in targets
        for path in re.findall(r"(?:config|profiles)/\S+", command):
            assert (REPOSITORY / path).exists()


def test_known_runs_are_those_of_the_configurations() -> None:
    assert {run.name: read_config(REPOSITORY / run.config).run for run in KNOWN_RUNS} == {
        run.name: run.name for run in KNOWN_RUNS
    }


def test_every_picture_says_what_makes_it() -> None:
    listed = set(read_yaml(PICTURES)["pictures"])
    assert listed == {path.name for path in (REPOSITORY / "docs/images").iterdir()}


def test_pictures_are_copied_from_runs_and_others_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, picture = next(iter(read_yaml(PICTURES)["pictures"].items()))
    (tmp_path / picture["source"]).parent.mkdir(parents=True)
    (tmp_path / picture["source"]).write_bytes(b"picture")
    images = tmp_path / "images"
    images.mkdir()
    assert main(["pictures", "--root", str(tmp_path), "--out", str(images)]) == 0
    assert [path.name for path in images.iterdir()] == [name]
    assert (images / name).read_bytes() == b"picture"
    assert "left as it is" in capsys.readouterr().out
