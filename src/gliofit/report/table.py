"""Table type of all stages, rendered as Markdown, CSV, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import DAMAGED, read_json, write_json
from gliofit.report.numbers import MISSING, format_power, format_quantity

Emphasis = Literal["best", "second"]


@dataclass(frozen=True)
class Picture:
    """Picture: ``data:`` URL, alternative text, size in pixels, caption, and link."""

    data: str
    text: str
    size: tuple[int, int]
    caption: str = ""
    link: str = ""


@dataclass(frozen=True)
class Cell:
    """One rendered cell.

    Parameters
    ----------
    text, below, link
        Content, smaller text below it, and link of the text.
    words
        Whether the cell is left-aligned and may wrap.
    emphasis, marks
        Whether it is the best or second best value of its column; marks after the text, such as those of tests.
    faint
        Whether it is printed faintly, like the paper's numbers.
    picture
        Small picture above the text.
    value
        Number for sorting; None for text.
    """

    text: str
    below: str = ""
    words: bool = False
    link: str = ""
    emphasis: Emphasis | None = None
    marks: str = ""
    faint: bool = False
    picture: Picture | None = None
    value: float | None = None


@dataclass(frozen=True)
class Numbers:
    """Columns of the frame for one number of a cell.

    Parameters
    ----------
    value, error
        Number or text, and standard error, printed after ±. Columns may be missing.
    low, high
        Ends of the interval, printed in brackets, or as a range if the value is missing.
    rank, marks
        1 for the best and 2 for the second best value; marks after the number.
    below
        Smaller text below a text, in HTML.
    """

    value: str
    error: str = ""
    low: str = ""
    high: str = ""
    rank: str = ""
    marks: str = ""
    below: str = ""


@dataclass(frozen=True)
class Column:
    """One printed column.

    Parameters
    ----------
    label, group
        Heading without unit, and heading above neighbouring columns of the same group.
    numbers
        Numbers of the column, one for each line of a row; None if a line has none.
    unit, factor, power
        Unit as printed; factor from the unit of the frame; power of ten in the heading that values are divided by.
    format
        Format specification of Python; empty for three digits.
    better
        Better direction; None for a heading without an arrow.
    help, words
        Explanation of the column, and whether it contains text; None: by content.
    """

    label: str
    numbers: tuple[Numbers | None, ...]
    unit: str = ""
    power: int = 0
    factor: float = 1.0
    format: str = ""
    better: Literal["low", "high"] | None = None
    group: str = ""
    help: str = ""
    words: bool | None = None

    @property
    def name(self) -> str:
        """Column of the frame of the first line."""
        return "" if self.numbers[0] is None else self.numbers[0].value

    @property
    def plain_heading(self) -> str:
        """Label with unit."""
        units = " ".join(filter(None, [f"×{format_power(self.power)}" if self.power else "", self.unit]))
        return f"{self.label} ({units})" if units else self.label

    @property
    def heading(self) -> str:
        """Label with an arrow for the better direction, and unit."""
        arrow = {"low": " ↓", "high": " ↑", None: ""}[self.better]
        return self.label + arrow + self.plain_heading.removeprefix(self.label)

    @property
    def scale(self) -> float:
        """Factor from the unit of the frame to the number printed."""
        return self.factor / 10.0**self.power

    def text(self, value: float, error: float = math.nan) -> str:
        """Format a value of the frame, with its error, in the printed unit."""
        return format_quantity(value * self.scale, error * self.scale, self.format)

    def cell(self, row: Mapping[str, Any], line: int = 0, faint: bool = False) -> Cell:
        """Render one line of a row."""
        numbers = self.numbers[line] if line < len(self.numbers) else None
        if numbers is None:
            return Cell("", faint=faint)
        if isinstance(row.get(numbers.value), str):
            below = _text(row.get(numbers.below))
            return Cell(row[numbers.value], below, words=self.words is not False, faint=faint)
        value, error, low, high = (
            math.nan if pd.isna(row.get(name)) else float(row[name])
            for name in (numbers.value, numbers.error, numbers.low, numbers.high)
        )
        text = self.text(value, error)
        if math.isfinite(low) and math.isfinite(high):
            ends = [format_quantity(end * self.scale, form=self.format) for end in (low, high)]
            text = f"{text} [{', '.join(ends)}]" if math.isfinite(value) else "–".join(ends)
            value = value if math.isfinite(value) else low
        rank = row.get(numbers.rank)
        emphasis: Emphasis | None = "best" if rank == 1 else "second" if rank == 2 else None
        sorted_by = value * self.scale if math.isfinite(value) else None
        return Cell(text, emphasis=emphasis, marks=_text(row.get(numbers.marks)), faint=faint, value=sorted_by)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def column(
    name: str, label: str, unit: str = "", error: str = "", low: str = "", high: str = "", below: str = "", **more: Any
) -> Column:
    """Create a column with one line per row, from the fields of ``Column`` and ``Numbers``."""
    return Column(label, (Numbers(name, error, low, high, below=below),), unit, **more)


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of a table for rendering.

    Parameters
    ----------
    headings, rows
        Headings, and as many cells in each row.
    groups
        Groups above the headings; empty without any.
    words, help
        Whether a column contains text, and its explanation.
    starts
        Whether a row is the first line of its row of the frame.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    groups: Sequence[tuple[str, int]] = ()
    words: Sequence[bool] = ()
    starts: Sequence[bool] = ()
    help: Sequence[str] = ()

    @classmethod
    def of(cls, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Grid:
        """Create a grid of cells; the first column has row headings."""
        words = [True, *(cell.words for cell in rows[0][1:])] if rows else [True] * len(headings)
        return cls(headings, rows, (), words, [bool(row[0].text) for row in rows])


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of a stage with information for printing.

    Parameters
    ----------
    title, caption
        Heading, and text under it.
    frame
        Numbers in units of gliofit's metrics. Columns with a dot in their name are only for printing.
    columns
        Printed columns; the first one is the row heading.
    lines
        Names of the lines of a row, such as "this run" and "paper"; empty for a single line.
    footnotes, panels
        Notes on the table and its panels; further tables under the same title.
    empty
        Text instead of a table without rows.
    """

    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    lines: tuple[str, ...] = ()
    caption: str = ""
    footnotes: tuple[str, ...] = ()
    panels: tuple[Table, ...] = ()
    empty: str = "No data."

    @property
    def parts(self) -> tuple[Table, ...]:
        """The table and its panels that have columns."""
        return tuple(part for part in (self, *self.panels) if part.columns)

    def grid(self) -> Grid:
        """Render the cells; columns and lines without content are omitted."""
        rows: list[list[Cell]] = []
        starts: list[bool] = []
        for record in self.frame.to_dict("records"):
            first = True
            for number, name in enumerate(self.lines or ("",)):
                faint = name.startswith("paper")
                cells = [c.cell(record, number, faint) for c in self.columns]
                if self.lines and not any(_has_content(cell) and not cell.words for cell in cells):
                    continue
                if first:
                    # The first line that is shown has the name of the row.
                    cells[0] = self.columns[0].cell(record, faint=faint)
                starts.append(first and bool(cells[0].text))
                rows.append([cells[0], *([Cell(name, words=True, faint=faint)] if self.lines else []), *cells[1:]])
                first = False
        heads = [(c.heading, c.group, c.words, c.help) for c in self.columns]
        if self.lines:
            heads.insert(1, ("Source", "", True, ""))
        headings, groups, text, helps = zip(*heads, strict=True)
        filled = [i for i in range(len(headings)) if i == 0 or not rows or any(_has_content(row[i]) for row in rows)]
        words = [
            all(row[i].words or not _has_content(row[i]) for row in rows) if text[i] is None else text[i]
            for i in filled
        ]
        shown_rows = [[replace(row[i], words=word) for i, word in zip(filled, words, strict=True)] for row in rows]
        spans = [(name, len(list(part))) for name, part in groupby(groups[i] for i in filled)]
        shown = [headings[i] for i in filled]
        return Grid(shown, shown_rows, spans if any(groups) else (), words, starts, [helps[i] for i in filled])


def _has_content(cell: Cell) -> bool:
    return cell.text not in ("", MISSING) or cell.picture is not None


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1, title: str = "") -> Table:
    """Create a table of texts; the first ``words`` columns are left-aligned."""
    columns = tuple(column(str(i), heading, words=i < words) for i, heading in enumerate(headings))
    frame = pd.DataFrame([list(row) for row in rows], columns=[c.name for c in columns], dtype=object)
    return Table(title, frame, columns)


def rank(values: pd.Series, better: Literal["low", "high"] | None) -> pd.Series:
    """Rank the best (1) and the second best value (2); all others are NaN.

    Fewer than three values, or equal values, have no ranks.
    """
    places = values.rank(method="dense", ascending=better == "low")
    if better is None or values.count() < 3 or values.nunique() < 2:
        return places * math.nan
    return places.where(places <= 2)


def save_table(path: str | Path, table: Table) -> None:
    """Write a table as JSON."""
    write_json(path, _content(table))


def load_table(path: str | Path) -> Table:
    """Read a table written by ``save_table``; InputError with code ``damaged-table`` if the file is not one."""
    try:
        return _table(read_json(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, f"is not a table of gliofit ({error})", DAMAGED, code="damaged-table") from error


def _content(table: Table) -> dict[str, Any]:
    fields = {name: getattr(table, name) for name in ("title", "lines", "caption", "footnotes", "empty")}
    frame = [
        {"name": name, "type": str(values.dtype), "values": [None if pd.isna(x) else x for x in values.tolist()]}
        for name, values in table.frame.items()
    ]
    columns = [asdict(c) for c in table.columns]
    return fields | {"frame": frame, "columns": columns, "panels": [_content(panel) for panel in table.panels]}


def _table(content: Mapping[str, Any]) -> Table:
    frame = pd.DataFrame({part["name"]: pd.array(part["values"], part["type"]) for part in content["frame"]})
    columns = [
        Column(**(fields | {"numbers": tuple(None if x is None else Numbers(**x) for x in fields["numbers"])}))
        for fields in content["columns"]
    ]
    return Table(
        content["title"], frame, tuple(columns), tuple(content["lines"]), content["caption"],
        tuple(content["footnotes"]), tuple(_table(panel) for panel in content["panels"]), content["empty"],
    )  # fmt: skip
