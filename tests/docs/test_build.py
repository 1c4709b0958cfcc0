"""The site is complete: built strictly, so that no link is dead, and nothing in it comes from a host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the built site; what its commands make is kept in the clone's results/docs-cache."""
    pytest.importorskip("material", reason="the documentation's tools are not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    return folder


def test_pages_load_nothing_from_a_host_and_are_all_in_the_search(site: Path) -> None:
    pages = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}
    pages.pop("404.html")
    assert len(pages) > 30
    loads = r"<(?:img|script|source|iframe)[^>]*\ssrc=\"(?:https?:)?//|<link[^>]*stylesheet[^>]*href=\"(?:https?:)?//"
    assert not [name for name, text in pages.items() if re.search(loads, text)]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?https?:[^)]*", styles)
    index = json.loads((site / "search/search_index.js").read_text("utf-8").removeprefix("var __index = "))
    assert pages.keys() <= {entry["location"].partition("#")[0] for entry in index["docs"]}


def test_equations_flowcharts_and_the_tutorial_are_made(site: Path) -> None:
    assert (site / "methods.html").read_text("utf-8").count('class="equation"') > 50
    assert len(re.findall(r'<svg class="flowchart"', (site / "workflow.html").read_text("utf-8"))) == 1
    source = (REPOSITORY / "docs/tutorial.md").read_text("utf-8")
    assert len(list((site / "images/tutorial").glob("*.png"))) == source.count("<!-- picture:") > 3
