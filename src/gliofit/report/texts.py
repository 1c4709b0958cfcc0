"""Prose of tables, figures and pages, kept in ``texts.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from gliofit.core.yaml_file import read_yaml

__all__ = ["notes", "page_text", "section"]


@cache
def section(name: str) -> Any:
    """Read a section: ``captions``, ``glossary``, ``citations``, ``notes`` or ``pages``."""
    return read_yaml(Path(__file__).with_name("texts.yaml"))[name]


def notes(name: str, **values: Any) -> tuple[str, ...]:
    """Read the notes of a table, with values in place of their fields."""
    found = section("notes")[name]
    return tuple(text.format(**values) for text in ([found] if isinstance(found, str) else found))


def page_text(name: str, **values: Any) -> str:
    """Read a paragraph of a page, with values in place of its fields."""
    return str(section("pages")[name]).format(**values)
