"""The page on reproduction: never stale, its numbers those of the records, and whatever it names exists."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from gliofit.core.errors import InputError
from gliofit.paper import paper_table
from tools.reproduce.__main__ import main
from tools.reproduce.claims import claims_table
from tools.reproduce.front import front_text
from tools.reproduce.page import page_text
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
    with pytest.raises(InputError, match="has no markers"):
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
