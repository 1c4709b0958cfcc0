"""Table of the settings of a run that differ from their defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gliofit.report.numbers import MISSING
from gliofit.report.table import Table, text_table


def changed_settings(config: BaseModel) -> Table:
    """Create the table of settings that differ from the default: key, value, default and meaning.

    Absolute paths are shortened to their last part, since they may contain names of users.
    """
    rows = [
        [key, _text(value), _text(default), _sentence(meaning)]
        for key, value, default, meaning in _changed(config, type(config)(), "")
    ]
    return text_table(("Key", "This run", "Default", "Meaning"), rows, words=4)


def _changed(model: BaseModel, default: Any, prefix: str) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield key, value, default (None if there is none) and description of changed settings in a section."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        usual = getattr(default, name) if type(default) is type(model) else field.get_default(call_default_factory=True)
        if value != usual:
            yield from _entries(f"{prefix}{name}", value, usual, field.description or "")


def _entries(key: str, value: Any, usual: Any, meaning: str) -> Iterator[tuple[str, Any, Any, str]]:
    if isinstance(value, BaseModel):
        yield from _changed(value, usual, f"{key}.")
    elif isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
        known = usual if isinstance(usual, dict) else {}
        for name, item in value.items():
            if item != known.get(name):
                yield from _entries(f"{key}.{name}", item, known.get(name), "")
        left_out = [name for name in known if name not in value]
        if left_out:
            yield key, f"without {', '.join(left_out)}", ", ".join(known), meaning
    else:
        yield key, value, usual, meaning


def _text(value: Any) -> str:
    if value is PydanticUndefined:
        return MISSING
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case Path():
            return f"…/{value.name}" if value.is_absolute() else str(value)
        case str():
            return f"…/{value.rstrip('/').rpartition('/')[2]}" if value.startswith("/") else value
        case float():
            return f"{value:g}"
        case dict():
            return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
        case list() | tuple() | set() | frozenset():
            return ", ".join(_text(item) for item in value) or "none"
        case BaseModel():
            changed = value.model_dump(exclude_defaults=True)
            return f"({_text(changed)})" if changed else "(defaults)"
    return str(value)


def _sentence(text: str) -> str:
    return re.sub(r"\s+", " ", text)
