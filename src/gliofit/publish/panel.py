"""A table of methods with this run's numbers above the paper's, and its three renderings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gliofit.publish.numbers import format_power, format_quantity, to_latex
from gliofit.publish.page import Cell as PageCell
from gliofit.publish.page import Page

__all__ = ["Cell", "Column", "Line", "Panel", "to_html", "to_latex_table", "to_markdown"]


@dataclass(frozen=True)
class Column:
    """One metric of a table.

    Parameters
    ----------
    metric
        Column of the metrics table.
    name
        Heading.
    unit
        Unit as text; values are multiplied by ``factor`` to reach it.
    power
        Power of ten that values are divided by, said in the heading.
    factor
        From the metric's own unit to the printed one.
    better
        Which end is the better one; None leaves the column unranked.
    decimals
        Fixed number of decimals; None writes three digits whatever the size.
    average
        What a method's first line holds: the mean with its standard error, or the median alone.
    """

    metric: str
    name: str
    unit: str = ""
    power: int = 0
    factor: float = 1.0
    better: Literal["low", "high"] | None = "low"
    decimals: int | None = None
    average: Literal["mean", "median"] = "mean"

    @property
    def heading(self) -> str:
        """Name, direction and unit."""
        arrow = {"low": " ↓", "high": " ↑", None: ""}[self.better]
        units = " ".join(([f"×{format_power(self.power)}"] if self.power else []) + ([self.unit] if self.unit else []))
        return f"{self.name}{arrow}" + (f" ({units})" if units else "")

    def text(self, value: float, error: float = float("nan")) -> str:
        """A value of the metric in the column's unit."""
        scale = self.factor / 10.0**self.power
        return format_quantity(value * scale, error * scale, self.decimals)


@dataclass(frozen=True)
class Cell:
    """Text of one cell with its emphasis and the marks behind it."""

    text: str
    emphasis: Literal["best", "second"] | None = None
    marks: str = ""


@dataclass(frozen=True)
class Line:
    """One printed line: a method's label (empty on its later lines), what the line holds, the counts, the values."""

    label: str
    kind: str
    n: str
    failed: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Panel:
    """One table: title, columns, groups of lines (one group per method) and notes."""

    title: str
    columns: Sequence[Column]
    groups: Sequence[Sequence[Line]]
    notes: Sequence[str] = field(default=())

    @property
    def headings(self) -> list[str]:
        """All column headings."""
        return ["Method", "Source", "n", "failed", *(column.heading for column in self.columns)]


def to_markdown(heading: str, panels: Sequence[Panel], notes: Sequence[str]) -> str:
    """Render panels as pipe tables; best values bold, second best underlined."""
    parts = [f"# {heading}"]
    for panel in panels:
        lines = [] if not panel.title else [f"## {panel.title}", ""]
        lines.append("| " + " | ".join(panel.headings) + " |")
        lines.append("|" + " --- |" * 2 + " ---: |" * (len(panel.headings) - 2))
        for group in panel.groups:
            for line in group:
                cells = [_markdown_cell(cell) for cell in line.cells]
                texts = [line.label, line.kind, line.n, line.failed, *cells]
                lines.append("| " + " | ".join(text.replace("|", r"\|") for text in texts) + " |")
        parts.append("\n".join(lines))
        parts.extend(panel.notes)
    parts.append("\n".join("- " + note.replace("*", r"\*") for note in notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_cell(cell: Cell) -> str:
    marks = cell.marks.replace("*", r"\*")
    if cell.emphasis == "best":
        return f"**{cell.text}**{marks}"
    if cell.emphasis == "second":
        return f"<u>{cell.text}</u>{marks}"
    return f"{cell.text}{marks}"


def to_html(heading: str, panels: Sequence[Panel], notes: Sequence[str]) -> str:
    """Render panels as a page of their own, with tables that can be sorted."""
    page = Page(heading)
    page.heading(heading, 1)
    for panel in panels:
        if panel.title:
            page.heading(panel.title)
        rows = [_html_row(line) for group in panel.groups for line in group]
        page.table(panel.headings, rows, sortable=True)
        for note in panel.notes:
            page.paragraph(note)
    page.items(notes)
    return page.text()


def _html_row(line: Line) -> list[PageCell]:
    faint = line.kind.startswith("paper")
    names = [PageCell(text, words=True, faint=faint) for text in (line.label, line.kind)]
    numbers = [PageCell(text, faint=faint) for text in (line.n, line.failed)]
    cells = [PageCell(f"{c.text}{c.marks}", emphasis=c.emphasis, faint=faint) for c in line.cells]
    return [*names, *numbers, *cells]


def to_latex_table(heading: str, panels: Sequence[Panel], notes: Sequence[str], label: str) -> str:
    """Render panels as one LaTeX table environment (packages booktabs and graphicx)."""
    out = [
        r"% \usepackage{booktabs,graphicx}",
        r"\begin{table}",
        r"\centering",
        # LaTeX counts tables by itself.
        rf"\caption{{{to_latex(heading.split('. ', 1)[-1])}.}}",
        rf"\label{{tab:{label}}}",
    ]
    for panel in panels:
        if panel.title:
            out.append(rf"\par\medskip\textit{{{to_latex(panel.title)}}}\par\smallskip")
        out += [
            r"\resizebox{\textwidth}{!}{%",
            rf"\begin{{tabular}}{{ll{'r' * (len(panel.headings) - 2)}}}",
            r"\toprule",
            " & ".join(to_latex(text) for text in panel.headings) + r" \\",
            r"\midrule",
        ]
        for i, group in enumerate(panel.groups):
            if i:
                out.append(r"\addlinespace")
            for line in group:
                texts = [to_latex(text) for text in (line.label, line.kind, line.n, line.failed)]
                out.append(" & ".join([*texts, *(_latex_cell(cell) for cell in line.cells)]) + r" \\")
        out += [r"\bottomrule", r"\end{tabular}}"]
        out += [rf"\par\smallskip{{\footnotesize {to_latex(note)}\par}}" for note in panel.notes]
    out.append(r"\par\medskip\begin{minipage}{\textwidth}\footnotesize\raggedright")
    out += [f"{to_latex(note)}\\par" for note in notes]
    out += [r"\end{minipage}", r"\end{table}"]
    return "\n".join(out) + "\n"


def _latex_cell(cell: Cell) -> str:
    text = to_latex(cell.text)
    if cell.emphasis == "best":
        # Numbers inside are mathematics in parts; both modes have to turn bold.
        text = rf"{{\boldmath\textbf{{{text}}}}}"
    elif cell.emphasis == "second":
        text = rf"\underline{{{text}}}"
    return text + cell.marks.replace("*", r"$^{*}$").replace("†", r"$^{\dagger}$")
