"""Text and columns of tables, figures and pages, from ``texts.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from gliofit.core.yaml_file import read_yaml
from gliofit.report.table import Column, column


@cache
def section(name: str) -> Any:
    """Read a section: ``captions``, ``notes``, ``columns`` and so on."""
    return read_yaml(Path(__file__).with_name("texts.yaml"))[name]


def notes(name: str, /, **values: Any) -> tuple[str, ...]:
    """Read the notes of a table, with values for their fields."""
    texts = section("notes")[name]
    return tuple(text.format(**values) for text in ([texts] if isinstance(texts, str) else texts))


def page_text(name: str, /, **values: Any) -> str:
    """Read a paragraph of a page, with values for its fields."""
    return str(section("pages")[name]).format(**values)


def columns(name: str, /, **values: Any) -> tuple[Column, ...]:
    """Read the columns of a table, with values for the fields of their labels."""
    return tuple(
        column(**(fields | {"label": fields["label"].format(**values)})) for fields in section("columns")[name]
    )
