"""Output of a command: text, or one JSON object."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from gliofit.core.errors import InputWarning


class OutputStreamError(OSError):
    """The standard output cannot be written, for example because the disk is full."""


@contextmanager
def print_warnings() -> Iterator[list[InputWarning]]:
    """Yield a list for warnings about the input; finally, also after an error, print them on stderr."""
    warnings: list[InputWarning] = []
    try:
        yield warnings
    finally:
        for warning in dict.fromkeys(warnings):
            # The stream may be closed.
            with suppress(OSError):
                print(f"gliofit: warning: {warning}", file=sys.stderr)


def say(as_json: bool, content: Mapping[str, Any], *lines: str, warnings: Iterable[InputWarning] | None = None) -> None:
    """Write a result to the standard output, as JSON (with warnings) or as text; OutputStreamError if that fails."""
    if as_json:
        listed = {} if warnings is None else {"warnings": [asdict(warning) for warning in dict.fromkeys(warnings)]}
        lines = (json_text({**content, **listed}),)
    try:
        for line in lines:
            typer.echo(line)
    except OSError as error:
        raise OutputStreamError(error.errno, error.strerror) from error


def json_text(content: Mapping[str, Any]) -> str:
    """Return a JSON object; paths are text, and numbers that are not finite are null."""
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
