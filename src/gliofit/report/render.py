"""Rendering of tables and pages with jinja2 (Markdown, LaTeX, HTML), and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gliofit.core.io import atomic_path
from gliofit.report.numbers import to_latex
from gliofit.report.table import Cell, Column, Table, save_table

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    """Return the environment; only HTML templates escape values."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"markdown": _markdown_cell, "latex": to_latex, "latex_cell": _latex_cell}
    for name, file in (("style", "page.css"), ("script", "page.js")):
        environment.globals[name] = (TEMPLATES / file).read_text(encoding="utf-8")
    return environment


def render(template: str, **values: Any) -> str:
    """Render a file of ``templates`` with the given variables."""
    return _environment().get_template(template).render(values)


def _markdown_cell(cell: Cell) -> str:
    text = cell.text.replace("|", r"\|")
    if cell.emphasis is not None and text:
        text = f"**{text}**" if cell.emphasis == "best" else f"<u>{text}</u>"
    return text + cell.marks.replace("*", r"\*")


def _latex_cell(cell: Cell) -> str:
    text = to_latex(cell.text)
    if cell.emphasis == "best":
        # Bold text and bold mathematics.
        text = rf"{{\boldmath\textbf{{{text}}}}}"
    elif cell.emphasis == "second":
        text = rf"\underline{{{text}}}"
    return text + cell.marks.replace("*", r"$^{*}$").replace("†", r"$^{\dagger}$")


def markdown_grid(table: Table) -> str:
    """Render the cells of a table as a Markdown table, without title and notes."""
    return render("grid.md", grid=table.grid()).rstrip("\n")


def csv_text(table: Table, labels: bool = False) -> str:
    """Render the frame as CSV with plain numbers.

    With ``labels``, printed columns with headings, units and standard errors; otherwise the columns of the frame.
    """
    if labels:
        frame = table.frame.reindex(
            columns=[*table.frame, *(c.name for c in table.columns if c.name not in table.frame)]
        )
        parts = {name: values for column in table.columns for name, values in _labelled(frame, column).items()}
        return str(pd.DataFrame(parts).to_csv(index=False, float_format="%.6g"))
    shown = [name for name in table.frame if "." not in str(name)]
    return str(table.frame[shown].to_csv(index=False, float_format="%.12g"))


def _labelled(frame: pd.DataFrame, column: Column) -> dict[str, pd.Series]:
    names = {column.plain_heading: column.name}
    numbers = column.numbers[0]
    if numbers is not None and numbers.error:
        names[f"{column.plain_heading}, standard error"] = numbers.error
    numeric = {name for name in names.values() if pd.api.types.is_numeric_dtype(frame[name])}
    return {text: frame[name] * column.scale if name in numeric else frame[name] for text, name in names.items()}


def write_renderings(
    table: Table, folder: str | Path, name: str, forms: Iterable[str] = ("json", "csv", "md"), labels: bool = False
) -> None:
    """Write a table and its renderings to ``{name}.{form}`` in a folder.

    Forms are ``json``, the table itself for ``load_table``, ``csv`` (see ``csv_text`` for ``labels``), ``md``, ``tex``
    and ``html``.
    """
    folder = Path(folder)
    for form in forms:
        if form == "json":
            save_table(folder / f"{name}.json", table)
            continue
        text = csv_text(table, labels) if form == "csv" else render(f"table.{form}", table=table, name=name)
        with atomic_path(folder / f"{name}.{form}") as temporary:
            temporary.write_text(text, encoding="utf-8")
