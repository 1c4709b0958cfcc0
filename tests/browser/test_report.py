"""The report of a run in a browser: it shows everything, its tables sort, its links lead somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fake_run import make_run
from gliofit.publish.report import write_report
from tools.look import Watched, problems

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources, facts = make_run(tmp_path_factory.mktemp("run"))
    path = sources.out_dir / "report.html"
    write_report(path, sources, facts)
    return path


def column(table: Locator, number: int) -> list[float | None]:
    """Values of a column in the first rows of all groups, top to bottom; None where there is none."""
    cells = table.locator(f"tbody tr:not(.more) > :nth-child({number})")
    values = cells.evaluate_all("cells => cells.map(cell => cell.dataset.value ?? null)")
    return [None if value is None else float(value) for value in values]


def table_of(page: Page, heading: str) -> Locator:
    """The first table behind a heading."""
    return page.locator(f"//*[self::h3 or self::h4][text()='{heading}']/following::table[1]").first


def test_report_is_whole_at_every_width(watched: Watched, report: Path, tmp_path: Path) -> None:
    page = watched.open(report)
    assert problems(page) == []
    page.screenshot(path=tmp_path / "report.png", full_page=True)
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_tables_sort_by_numbers_both_ways_and_back(watched: Watched, report: Path) -> None:
    table = table_of(watched.open(report), "(a) Whole volume")
    before = column(table, 5)
    lines = table.locator("tbody tr").count()
    heading = table.locator("thead th:nth-child(5)")
    heading.get_by_role("button").click()
    numbers = sorted(value for value in before if value is not None)
    assert len(numbers) > 5
    missing = [None] * (len(before) - len(numbers))
    assert column(table, 5) == numbers + missing
    assert heading.get_attribute("aria-sort") == "ascending"
    # By the keyboard, and the lines of a method stay together.
    heading.get_by_role("button").press("Enter")
    assert column(table, 5) == numbers[::-1] + missing
    assert heading.get_attribute("aria-sort") == "descending"
    hybrid = table.locator("//tbody/tr[th='Hybrid']/following-sibling::tr[1]")
    assert hybrid.locator("td").first.inner_text() == "this run, median"
    heading.get_by_role("button").press("Space")
    assert column(table, 5) == before
    assert heading.get_attribute("aria-sort") == "none"
    assert table.locator("tbody tr").count() == lines


def test_contents_stay_in_reach_and_lead_to_every_section(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    links = page.locator("nav a")
    assert links.all_inner_texts() == page.locator("h2").all_inner_texts()
    height = page.viewport_size["height"] if page.viewport_size else 0
    for link in links.all():
        link.click()
        box = page.locator(f"h2:text-is('{link.inner_text()}')").bounding_box()
        assert box is not None
        assert 0 <= box["y"] < height
        covering = page.locator("nav").bounding_box()
        assert covering is not None
        assert abs(covering["y"]) < 1
        # Above the text on a phone, beside it elsewhere.
        assert box["y"] >= covering["height"] or box["x"] >= covering["width"]


def test_printing_opens_what_is_folded(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    count = page.locator("details").count()
    assert count > 3
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == count
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
