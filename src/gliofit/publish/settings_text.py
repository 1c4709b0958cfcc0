"""Table of the settings of a run that differ from their defaults."""

from __future__ import annotations

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
        [key, _text(value), _text(default), " ".join(meaning.split())]
        for key, value, default, meaning in _changed(config, type(config)(), "")
    ]
    return text_table(("Key", "This run", "Default", "Meaning"), rows, words=4)


def _changed(model: BaseModel, defaults: Any, prefix: str) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield key, value, default (None if there is none) and description of the changed settings of a section."""
    for name, field in type(model).model_fields.items():
        same = type(defaults) is type(model)
        default = getattr(defaults, name) if same else field.get_default(call_default_factory=True)
        if getattr(model, name) != default:
            yield from _entries(f"{prefix}{name}", getattr(model, name), default, field.description or "")


def _entries(key: str, value: Any, default: Any, meaning: str) -> Iterator[tuple[str, Any, Any, str]]:
    if isinstance(value, BaseModel):
        yield from _changed(value, default, f"{key}.")
    elif isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
        defaults = default if isinstance(default, dict) else {}
        for name, item in value.items():
            if item != defaults.get(name):
                yield from _entries(f"{key}.{name}", item, defaults.get(name), "")
        removed = [name for name in defaults if name not in value]
        if removed:
            yield key, f"without {', '.join(removed)}", ", ".join(defaults), meaning
    else:
        yield key, value, default, meaning


def _text(value: Any) -> str:
    if value is PydanticUndefined:
        return MISSING
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case Path() | str():
            return f"…/{Path(value).name}" if str(value).startswith("/") else str(value)
        case float():
            return f"{value:g}"
        case dict():
            return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(_text, value)) or "none"
        case BaseModel():
            changed = value.model_dump(exclude_defaults=True)
            return f"({_text(changed)})" if changed else "(defaults)"
    return str(value)
