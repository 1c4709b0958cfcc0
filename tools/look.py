"""Look at every page of a results folder: ``python -m tools.look RESULTS OUT``.

Opens each HTML file below RESULTS at desktop and at phone width, writes screenshots of whole pages and of viewers into
OUT, and ends with exit code 1 if a page printed an error, asked for anything outside, holds a picture that did not load
or a link to a file that is not there, or is wider than the window.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["DESKTOP", "PHONE", "Watched", "find_chromium", "open_browser", "problems"]

#: Screenshots of very long pages stop here, in pixels.
_LONGEST = 16_000

#: Snakemake's report draws itself by a script of its own.
_NOT_OURS = ("workflow-report.html",)


#: Width and height of the windows that pages are looked at in.
DESKTOP, PHONE = (1280, 900), (390, 844)

#: Viewers draw with WebGL; without a graphics card Chromium does so in software when told to.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def find_chromium() -> str | None:
    """The system's Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """The system's Chromium, started."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=_ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page with the errors it printed and the addresses it asked for.

    Attributes
    ----------
    page
        Playwright's page.
    errors
        Messages of level error in the console, and exceptions that nobody caught.
    outside
        Addresses that are neither files nor part of the page.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _see(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:", "about:")):
            self.outside.append(url)

    def open(self, path: Path) -> Page:
        """Open a file and wait until everything in it is loaded."""
        self.page.goto(path.resolve().as_uri(), wait_until="load")
        return self.page


def problems(page: Page) -> list[str]:
    """What is wrong with the page that is open, in words."""
    found = []
    # Folded parts hide pictures from the browser as from the reader.
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => null)))")
    unseen = page.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((image) => image.alt)")
    found += [f"picture not loaded: {text}" for text in unseen]
    unnamed = page.evaluate("[...document.images].filter((image) => !image.alt).length")
    found += [f"{unnamed} pictures without a text"] if unnamed else []
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    found += [f"page is {wide} pixels wide in a window of {window}"] if wide > window else []
    for link in page.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.href)"):
        parts = urlsplit(link)
        if parts.scheme == "file" and not Path(unquote(parts.path)).is_file():
            found.append(f"link to nothing: {link}")
    for name in page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.getAttribute('href').slice(1))"
        ".filter((name) => document.getElementById(decodeURIComponent(name)) === null)"
    ):
        found.append(f"link to no place of the page: #{name}")
    return found


def look(results: Path, out: Path) -> int:
    """Look at every page; returns the number of problems, after printing them."""
    total = 0
    pages = sorted(path for path in results.rglob("*.html") if path.name not in _NOT_OURS)
    with open_browser() as browser:
        for path in pages:
            for kind, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
                context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
                watched = Watched(context.new_page())
                page = watched.open(path)
                name = "-".join(path.relative_to(results).with_suffix("").parts)
                picture = out / f"{name}-{kind}.png"
                tall = page.evaluate("document.documentElement.scrollHeight")
                clip = {"x": 0, "y": 0, "width": width, "height": min(tall, _LONGEST)}
                page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
                viewer = page.query_selector("#viewer")
                if viewer is not None:
                    page.wait_for_function("window.gliofitViewer && window.gliofitViewer.ready")
                    viewer.screenshot(path=out / f"{name}-{kind}-viewer.png")
                found = [*problems(page), *watched.errors, *(f"asked for {url}" for url in watched.outside)]
                print(f"{path} {kind}: {picture}" + "".join(f"\n  ! {text}" for text in found))
                total += len(found)
                context.close()
    print(f"{len(pages)} pages, {total} problems")
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder with pages, such as results/demo")
    parser.add_argument("out", type=Path, help="folder for screenshots")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sys.exit(1 if look(arguments.results, arguments.out) else 0)
