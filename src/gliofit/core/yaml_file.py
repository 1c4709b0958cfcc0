"""Reading YAML files: plain values alone, and no key twice."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from gliofit.core.errors import InputError

__all__ = ["read_yaml"]


class _Loader(yaml.SafeLoader):
    """The safe loader, which makes plain values only; a key that is there twice is an error and not the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key.value}' is there twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a file of ``key: value`` lines.

    Raises
    ------
    InputError
        If the file cannot be read, is no YAML text, names a key twice, is empty or holds something else than keys.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise InputError(path, "cannot be read", "check the path") from error
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise InputError(f"{path}{line}", f"is no valid YAML ({error.problem})", "correct the line") from error
    # Bytes that are no text, whole numbers of thousands of digits, brackets in thousands of brackets.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            path, f"is no valid YAML ({detail})", "give a file of `key: value` lines, see config/README.md"
        ) from error
    if content is None:
        raise InputError(path, "is empty", "write `key: value` lines, see config/README.md")
    if not isinstance(content, dict):
        raise InputError(path, "holds no keys", "write `key: value` lines, see config/README.md")
    return content
