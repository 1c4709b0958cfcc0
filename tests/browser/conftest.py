"""A headless Chromium that drives pages opened from files, and watches what they say and ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Width and height of the windows that pages are looked at in.
DESKTOP, PHONE = (1280, 900), (390, 844)

#: Viewers draw with WebGL; without a graphics card Chromium does so in software when told to.
_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; skips where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine (on Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
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


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def watched(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A fresh page at desktop and at phone width; fails the test where it printed an error or asked for an address."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    watched = Watched(context.new_page())
    yield watched
    context.close()
    assert not watched.errors
    assert not watched.outside
