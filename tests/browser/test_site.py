"""The documentation site in a browser, opened from files: at desktop and at phone width, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docs.site import site

if TYPE_CHECKING:
    from browser.conftest import Watched

__all__ = ["site"]


def test_every_page_opens_and_fits_the_window(site: Path, watched: Watched) -> None:
    pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
    assert len(pages) > 30
    wide = []
    for path in pages:
        page = watched.open(path)
        assert page.locator("h1").first.inner_text().strip(), path.name
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
            wide.append(path.name)
    assert not wide


def test_pictures_are_there(site: Path, watched: Watched) -> None:
    for name in ("tutorial", "solver", "index"):
        page = watched.open(site / f"{name}.html")
        widths = page.evaluate("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
        assert widths, name
        assert min(widths) > 50, name


def test_search_finds_without_a_server(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.locator("label[for=__search]:visible, input[name=query]:visible").first.click()
    page.locator("input[name=query]").press_sequentially("segmentation", delay=50)
    page.locator(".md-search-result__meta", has_text="matching documents").wait_for(timeout=30_000)
    assert page.locator(".md-search-result__link").count() > 3


def test_the_palette_can_be_changed(site: Path, watched: Watched) -> None:
    page = watched.open(site / "methods.html")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("form[data-md-component=palette] label:visible").click()
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor != '{before}'")
    colours = page.evaluate("[...document.querySelectorAll('.equation')].map(e => getComputedStyle(e).fill)")
    assert set(colours) == {page.evaluate("getComputedStyle(document.querySelector('article p')).color")}
