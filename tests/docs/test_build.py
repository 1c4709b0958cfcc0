"""The site is complete: built strictly, with everything that hooks put into the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.site import REPOSITORY, site

__all__ = ["site"]


class Page(HTMLParser):
    """What a page links to, loads and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("img", "script", "source", "iframe") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


def targets(path: Path, addresses: list[str]) -> Iterator[tuple[str, Path, str]]:
    for address in addresses:
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc:
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            yield address, place, unquote(parts.fragment)


def test_no_link_and_no_anchor_is_dead(pages: dict[Path, Page]) -> None:
    assert len(pages) > 30
    dead = []
    for path, page in pages.items():
        for address, place, anchor in targets(path, [*page.links, *page.loads]):
            missing = not place.is_file() or (anchor and place in pages and anchor not in pages[place].anchors)
            if missing and anchor != "__skip":
                dead.append(f"{path.name}: {address}")
    assert not dead


def test_nothing_is_loaded_from_a_host(site: Path, pages: dict[Path, Page]) -> None:
    assert not [f"{p.name}: {a}" for p, page in pages.items() for a in page.loads if urlsplit(a).netloc]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?https?:[^)]*", styles)


def test_every_equation_is_typeset(pages: dict[Path, Page]) -> None:
    assert sum(path.read_text("utf-8").count('class="equation"') for path in pages if path.stem == "methods") > 50
    left = r'aria-label="[^"]*"|<script.*?</script>'
    shown = {path.name: re.sub(left, "", path.read_text("utf-8"), flags=re.DOTALL) for path in pages}
    assert not [name for name, page in shown.items() if re.search(r"\\\(|\\\[|\\frac|\\mu", page)]


def test_the_tutorial_shows_what_its_commands_gave(site: Path) -> None:
    page = (site / "tutorial.html").read_text("utf-8")
    source = (REPOSITORY / "docs/tutorial.md").read_text("utf-8")
    assert page.count("nothing wrong found") == 1
    assert re.search(r"fit: mu_D \d", page)
    assert len(list((site / "images/tutorial").glob("*.png"))) == source.count("<!-- picture:") > 3
    assert "<!-- run" not in page
    assert "<!-- picture" not in page


def test_flowcharts_are_drawn_and_lead_to_the_stages(site: Path) -> None:
    page = (site / "workflow.html").read_text("utf-8")
    (chart,) = re.findall(r'<svg class="flowchart".*?</svg>', page, re.DOTALL)
    assert 'href="invert.html"' in chart
    assert "mermaid" not in page


def test_the_search_knows_every_page(site: Path, pages: dict[Path, Page]) -> None:
    index = json.loads((site / "search/search_index.js").read_text("utf-8").removeprefix("var __index = "))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {path.relative_to(site).as_posix() for path in pages} <= found


@pytest.mark.parametrize(
    "stage", "atlas register simulate train invert forward evaluate plan study assess publish".split()
)
def test_every_stage_has_the_same_parts(stage: str) -> None:
    text = (REPOSITORY / f"docs/{stage}.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert text.startswith(f"# Stage `{stage}`")
    assert {"Inputs and outputs", "Settings", "What can go wrong"} <= set(headings)
    assert re.search(rf"<!-- keys of [a-z, ]*\b{stage}\b", text)
