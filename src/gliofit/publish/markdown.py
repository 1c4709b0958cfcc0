"""Tables as the stages wrote them into Markdown files, read back for pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gliofit.errors import InputError
from gliofit.io import DAMAGED
from gliofit.publish.numbers import MISSING, read_quantity
from gliofit.publish.page import Cell

__all__ = ["MarkdownPanel", "MarkdownTable", "read_markdown"]

#: Bars between cells; one that belongs to a text has a backslash before it.
_BAR = re.compile(r"(?<!\\)\|")

_BEST, _SECOND = re.compile(r"\*\*(.*)\*\*(.*)"), re.compile(r"<u>(.*)</u>(.*)")

#: Lines of this source are set back, as the tables' own pages have them.
_PAPER = "paper"


@dataclass(frozen=True)
class MarkdownPanel:
    """One of a file's tables: its title, which may be empty, headings and rows."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class MarkdownTable:
    """A file: its heading, tables and notes."""

    heading: str
    panels: tuple[MarkdownPanel, ...]
    notes: tuple[str, ...]


def read_markdown(path: str | Path) -> MarkdownTable:
    """Read a file as ``to_markdown`` and the tables of stages plan, study and assess write it.

    Columns without anything in them are left out.

    Raises
    ------
    InputError
        If the file is missing, has no heading, or a row has more or fewer cells than there are headings.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file not found", "run the stage that makes it")
    heading, title, notes = "", "", []
    panels: list[tuple[str, list[list[str]]]] = []
    last = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            heading = line[2:]
        elif line.startswith("## "):
            title = line[3:]
        elif line.startswith("|"):
            if not last.startswith("|"):
                panels.append((title, []))
            panels[-1][1].append([part.strip() for part in _BAR.split(line)[1:-1]])
        elif line.startswith("- "):
            notes.append(_plain(line[2:]))
        elif line:
            notes.append(_plain(line))
        last = line
    if not heading or any(len(row) != len(rows[0]) for _, rows in panels for row in rows):
        raise InputError(path, "is no table of gliofit", DAMAGED)
    return MarkdownTable(heading, tuple(_panel(title, rows) for title, rows in panels), tuple(notes))


def _panel(title: str, lines: Sequence[Sequence[str]]) -> MarkdownPanel:
    headings, marks, *rows = lines
    kept = [0, *(i for i in range(1, len(headings)) if any(row[i] not in ("", MISSING) for row in rows))]
    words = [not marks[i].endswith(":") and not all(_is_number(row[i]) for row in rows) for i in kept]
    cells = tuple(
        tuple(
            replace(_cell(row[i]), words=wide, faint=row[1].startswith(_PAPER))
            for i, wide in zip(kept, words, strict=True)
        )
        for row in rows
    )
    return MarkdownPanel(title, tuple(_plain(headings[i]) for i in kept), cells)


def _is_number(text: str) -> bool:
    return text in ("", MISSING) or read_quantity(text) is not None


def _cell(text: str) -> Cell:
    if (match := _BEST.fullmatch(text)) is not None:
        return Cell(_plain(match.group(1) + match.group(2)), emphasis="best")
    if (match := _SECOND.fullmatch(text)) is not None:
        return Cell(_plain(match.group(1) + match.group(2)), emphasis="second")
    return Cell(_plain(text))


def _plain(text: str) -> str:
    return re.sub(r"\\([|*])", r"\1", text)
