"""What the site shows from outside ``docs/``: the README as its first page, the table of all settings, linked files.

The pages link to files of the clone by relative paths, so that they can be followed where the code is read. On the
site such a link leads to a page, if the file is one of ``PAGES`` or lies in ``docs/``, and else to a copy as text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

#: Pages of the site by the file of the clone that they are made from.
PAGES = {"README.md": "index.md", "config/README.md": "configuration.md", "profiles/README.md": "profiles.md"}

#: Where copies of other files lie on the site.
COPIES = "clone"

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```+).*?^\1\s*$", re.DOTALL | re.MULTILINE)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Change the text between fenced blocks of code."""
    parts, at = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [change(markdown[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*parts, change(markdown[at:])])


def on_files(files: Any, config: Any) -> Any:
    """Add the pages, and copies of all files of the clone that pages link to."""
    root = Path(config.config_file_path).parent
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(root / source).read_text("utf-8")))
    for file in list(files.documentation_pages()):
        if not file.src_uri.endswith(".md"):
            continue
        for link in _LINK.finditer(file.content_string):
            target = _target(file.src_uri, link.group(3))
            if target is None or not (root / target).is_file():
                continue
            copy = _place(target)
            if copy.startswith(f"{COPIES}/") and not files.get_file_from_path(copy):
                files.append(File.generated(config, copy, content=(root / target).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links to files of the clone into links to what the site has of them."""
    root = Path(config.config_file_path).parent

    def rewritten(link: re.Match[str]) -> str:
        mark, text, address = link.groups()
        target = _target(page.file.src_uri, address)
        if target is None:
            return link.group()
        if (root / target).is_dir():
            return text
        _, _, anchor = address.partition("#")
        place = posixpath.relpath(_place(target), posixpath.dirname(page.file.src_uri) or ".")
        return f"{mark}[{text}]({place}{'#' + anchor if anchor else ''})"

    return outside_code(markdown, lambda text: _LINK.sub(rewritten, text))


def _target(page: str, address: str) -> str | None:
    """Path below the clone's root that a link of a page of the site means; None for addresses and anchors."""
    if re.match(r"[a-z]+:|#", address):
        return None
    origin = next((source for source, made in PAGES.items() if made == page), f"docs/{page}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), address.partition("#")[0]))


def _place(target: str) -> str:
    """Path on the site of a file of the clone."""
    if target in PAGES:
        return PAGES[target]
    return target.removeprefix("docs/") if target.startswith("docs/") else f"{COPIES}/{target}.txt"
