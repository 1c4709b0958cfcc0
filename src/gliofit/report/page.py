"""HTML pages that need no other file and no network; templates escape every text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gliofit.core.io import atomic_path
from gliofit.report.render import render
from gliofit.report.table import Cell, Grid, Picture, Table

__all__ = ["Page"]


class Page:
    """A page under construction; every method adds to its end.

    Parameters
    ----------
    title
        Title of the browser's window.
    contents
        Whether links to all headings of level 2 stay in reach beside the text, or above it on narrow screens.
    """

    def __init__(self, title: str, contents: bool = False) -> None:
        self.title, self.contents, self.script = title, contents, contents
        self.styles: list[str] = []
        self.blocks: list[dict[str, Any]] = []

    def _add(self, kind: str, **values: Any) -> None:
        self.blocks.append({"kind": kind, **values})

    def heading(self, text: str, level: int = 2) -> None:
        """Add a heading; level 1 is the page's own, level 2 stands in the contents."""
        self._add("heading", text=text, level=level, name="-".join(re.findall(r"\w+", text.lower())))

    def paragraph(self, text: str, style: str = "") -> None:
        """Add a paragraph; ``style`` names a class of the style sheet."""
        self._add("paragraph", text=text, style=style)

    def links(self, text: str, links: Iterable[tuple[str, str]]) -> None:
        """Add a paragraph of links, each a text and its target, behind an introduction."""
        self._add("links", text=text, links=list(links))

    def items(self, texts: Iterable[str], style: str = "", folded: str = "") -> None:
        """Add a list; ``folded`` is the line that hides it until opened."""
        self._add("items", texts=list(texts), style=style, folded=folded)

    def terms(self, pairs: Iterable[tuple[str, str]], style: str = "") -> None:
        """Add a list of terms with their meanings."""
        self._add("terms", pairs=list(pairs), style=style)

    def image(self, data: str, text: str) -> None:
        """Add a picture, given as a ``data:`` address, with its description."""
        self._add("image", data=data, text=text)

    def figure(self, picture: Picture) -> None:
        """Add a wide picture with its caption."""
        self._add("figure", picture=picture)

    def gallery(self, pictures: Iterable[Picture]) -> None:
        """Add pictures beside each other, each with its caption."""
        self._add("gallery", pictures=list(pictures))

    def grid(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        first_row: bool = False,
        folded: str = "",
        sortable: bool = False,
    ) -> None:
        """Add a table of cells whose first ones name the rows.

        Parameters
        ----------
        headings, rows
            Content.
        first_row
            Whether the first row is set off from the others.
        folded
            Line that hides the table until opened.
        sortable
            Whether a click on a heading sorts the rows by that column. Further lines of a row stay with it.
        """
        self.script |= sortable
        grid = Grid.of(headings, rows)
        self._add("table", grid=grid, first_row=first_row, folded=folded, sortable=sortable)

    def table(self, table: Table, sortable: bool = True, folded: str = "", first_row: bool = False) -> None:
        """Add the cells of a table, without title, notes and panels."""
        self.script |= sortable
        self._add("table", grid=table.grid(), first_row=first_row, folded=folded, sortable=sortable)

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
