"""A headless Chromium that drives pages opened from files, and watches what they say and ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tools.look import DESKTOP, PHONE, Watched, find_chromium, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; skips where there is none."""
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine (on Debian: apt-get install chromium)")
    pytest.importorskip("playwright.sync_api")
    with open_browser() as browser:
        yield browser


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
