"""YAML files of plain values with unique keys."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from gliofit.core.errors import InputError


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader, with an error instead of the last value for a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    problem = f"the key '{key.value}' appears twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                keys.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a file of ``key: value`` lines; InputError if it is unreadable, invalid, empty or repeats a key."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise InputError(path, "cannot be read", "check the path") from error
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise InputError(f"{path}{line}", f"is not valid YAML ({error.problem})", "correct the line") from error
    # Bytes that are not UTF-8, integers with thousands of digits, thousands of nested brackets.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        detail = " ".join(str(error).split())
        hint = "give a file of `key: value` lines, see config/README.md"
        raise InputError(path, f"is not valid YAML ({detail})", hint) from error
    if content is None:
        raise InputError(path, "is empty", "write `key: value` lines, see config/README.md")
    if not isinstance(content, dict):
        raise InputError(path, "holds no keys", "write `key: value` lines, see config/README.md")
    return content
