"""What a command says of its result: lines for people, or one JSON object for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

__all__ = ["OutputStreamError", "json_text", "say"]


class OutputStreamError(OSError):
    """The standard output takes no more, because its disk is full for example."""


def say(as_json: bool, content: Mapping[str, Any], *lines: str) -> None:
    """Write a result to the standard output, as JSON or as lines.

    Raises
    ------
    OutputStreamError
        If it cannot be written.
    """
    try:
        for line in [json_text(content)] if as_json else lines:
            typer.echo(line)
    except OSError as error:
        raise OutputStreamError(error.errno, error.strerror) from error


def json_text(content: Mapping[str, Any]) -> str:
    """A JSON object; paths are text, and numbers that are not finite are null."""
    return json.dumps(_plain(content), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
