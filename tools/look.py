"""Check all pages of a results folder in a browser: ``python -m tools.look RESULTS OUT``.

Opens each HTML file in RESULTS at desktop and phone width, writes screenshots of pages and viewers to OUT, and ends
with exit code 1 if a page prints an error, requests an external address, has a broken picture or link, or is wider than
the window.
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

#: Largest height of screenshots in pixels.
_LONGEST = 16_000

#: Snakemake's report is drawn by a script.
_NOT_OURS = ("workflow-report.html",)


#: Width and height of windows.
DESKTOP, PHONE = (1280, 900), (390, 844)

#: Options of Chromium for WebGL without a graphics card.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def find_chromium() -> str | None:
    """Return the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=_ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """Page with its errors and requested addresses.

    Attributes
    ----------
    page
        Playwright's page.
    errors
        Errors in the console, and uncaught exceptions.
    outside
        Requested external addresses.
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
    """Return the problems of the open page."""
    found = []
    # Open collapsed parts, so that their pictures are loaded.
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
            found.append(f"broken link: {link}")
    for name in page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.getAttribute('href').slice(1))"
        ".filter((name) => document.getElementById(decodeURIComponent(name)) === null)"
    ):
        found.append(f"broken anchor: #{name}")
    return found


def look(results: Path, out: Path) -> int:
    """Check all pages; print the problems and return their number."""
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
