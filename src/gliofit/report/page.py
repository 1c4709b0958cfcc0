"""Self-contained HTML pages; templates escape all text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gliofit.core.io import atomic_path
from gliofit.report.render import render
from gliofit.report.table import Grid, Picture, Table


class Page:
    """Builder of a page; methods append to its end. ``contents`` adds a table of contents (headings of level 2)."""

    def __init__(self, title: str, contents: bool = False) -> None:
        self.title, self.contents, self.script = title, contents, contents
        self.styles: list[str] = []
        self.blocks: list[dict[str, Any]] = []

    def _add(self, kind: str, **values: Any) -> None:
        self.blocks.append({"kind": kind, **values})

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading; level 1 is the title, level 2 is in the table of contents."""
        self._add("heading", text=text, level=level, name="-".join(re.findall(r"\w+", text.lower())))

    def paragraph(self, text: str, style: str = "") -> None:
        """Add a paragraph; ``style`` is a class of the style sheet."""
        self._add("paragraph", text=text, style=style)

    def links(self, text: str, links: Iterable[tuple[str, str]]) -> None:
        """Add a paragraph of links (text and target) after an introduction."""
        self._add("links", text=text, links=list(links))

    def items(self, texts: Iterable[str], style: str = "", folded: str = "") -> None:
        """Add a list; ``folded`` is the summary of a collapsed list."""
        self._add("items", texts=list(texts), style=style, folded=folded)

    def terms(self, pairs: Iterable[tuple[str, str]], style: str = "") -> None:
        """Add a list of terms with their meanings."""
        self._add("terms", pairs=list(pairs), style=style)

    def image(self, data: str, text: str) -> None:
        """Add a picture, given as ``data:`` URL, with alternative text."""
        self._add("image", data=data, text=text)

    def figure(self, picture: Picture) -> None:
        """Add a wide picture with its caption."""
        self._add("figure", picture=picture)

    def gallery(self, pictures: Iterable[Picture]) -> None:
        """Add pictures side by side with captions."""
        self._add("gallery", pictures=list(pictures))

    def grid(self, grid: Grid, sortable: bool = True, folded: str = "", first_row: bool = False) -> None:
        """Add a table of cells; the first column has row headings.

        ``sortable`` columns can be sorted by clicking headings (lines of a row stay together), ``folded`` is the
        summary of a collapsed table, and ``first_row`` separates the first row from the others.
        """
        self.script |= sortable
        self._add("table", grid=grid, first_row=first_row, folded=folded, sortable=sortable)

    def table(self, table: Table, sortable: bool = True, folded: str = "", first_row: bool = False) -> None:
        """Add the cells of a table as ``grid``, without title, notes and panels."""
        self.grid(table.grid(), sortable, folded, first_row)

    def style(self, text: str) -> None:
        """Add rules to the style sheet."""
        self.styles.append(text)

    def raw(self, template: str, **values: Any) -> None:
        """Add a rendered template."""
        self._add("raw", text=render(template, **values))

    def text(self) -> str:
        """Render the page."""
        return render("page.html", page=self)

    def write(self, path: str | Path) -> None:
        """Write the page."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.text(), encoding="utf-8")
