"""The report of a run in a browser: it shows everything, its tables sort, its links lead somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fake_run import make_run
from gliofit.publish.report import write_report

from .conftest import Watched
from .look import problems

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


def test_what_is_wrong_is_found(watched: Watched, report: Path) -> None:
    page = watched.open(report)
    wrong = (
        '<a href="none.html">a</a><a href="#none">b</a><div style="width: 3000px">wide</div>'
        '<img alt="broken" src="data:image/png;base64,AAAA">'
    )
    page.evaluate("text => document.querySelector('main').insertAdjacentHTML('beforeend', text)", wrong)
    found = " ".join(problems(page))
    for text in (
        "link to nothing: file://",
        "no place of the page: #none",
        "pixels wide in a window",
        "picture not loaded: broken",
    ):
        assert text in found


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


def test_what_is_missing_comes_last_and_words_sort_by_letters(watched: Watched, report: Path) -> None:
    table = table_of(watched.open(report), "Errors of inversions")
    for expected in (["a | b", "d", "c"], ["d", "a | b", "c"]):
        table.locator("thead th:nth-child(4) button").click()
        assert table.locator("tbody tr > :nth-child(2)").all_inner_texts() == expected
    table.locator("thead th:nth-child(2) button").click()
    assert table.locator("tbody tr > :nth-child(2)").all_inner_texts() == ["a | b", "c", "d"]


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


def test_without_scripts_everything_is_there(watched: Watched, report: Path) -> None:
    assert watched.page.context.browser is not None
    context = watched.page.context.browser.new_context(java_script_enabled=False, offline=True)
    page = Watched(context.new_page()).open(report)
    assert page.locator("table.sortable").count() > 5
    assert page.locator("thead button").count() == 0
    context.close()
