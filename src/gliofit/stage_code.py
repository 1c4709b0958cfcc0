"""Digests of the code behind each stage's results, so that nobody forgets to raise a stage's version.

``STAGE_VERSIONS`` (``gliofit.workflow``) is raised by hand, because only its author knows whether a change of the code
changes results. ``workflow/code.json`` holds the digests that the versions were last looked at with; a test compares.
Comments, formatting, docstrings and descriptions of settings make no difference to a digest.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.workflow import STAGE_VERSIONS

__all__ = ["changed_parts", "code_digests"]

_PACKAGE = Path(__file__).resolve().parent


def code_digests(package: Path = _PACKAGE) -> dict[str, str]:
    """Digest of every part of the package that some stage uses: sub-packages, and modules beside them."""
    parts = _read(package)
    needed = {part for stage in STAGE_VERSIONS for part in _reached(stage, parts)}
    return {part: parts[part].digest for part in sorted(needed)}


def changed_parts(recorded: dict[str, Any], package: Path = _PACKAGE) -> dict[str, list[str]]:
    """Parts whose code is not the recorded one, each with the stages whose version has not been raised since.

    A stage's own package counts for that stage, whoever else imports it; what is no stage's counts for every stage that
    imports it, directly or not.

    Parameters
    ----------
    recorded
        ``{"code": {part: digest}, "versions": {stage: version}}``, the content of ``workflow/code.json``.
    package
        Folder of the package.
    """
    parts = _read(package)
    users: dict[str, list[str]] = {}
    for stage in STAGE_VERSIONS:
        for part in _reached(stage, parts):
            users.setdefault(part, []).append(stage)
    return {
        part: [
            stage
            for stage in ([part] if part in STAGE_VERSIONS else users[part])
            if STAGE_VERSIONS[stage] == recorded["versions"].get(stage)
        ]
        for part in sorted(users)
        if recorded["code"].get(part) != parts[part].digest
    }


@dataclass(frozen=True)
class _Part:
    digest: str
    imports: set[str]


def _read(package: Path) -> dict[str, _Part]:
    """Every part of a package by name."""
    parts = {}
    for path in package.iterdir():
        if (path / "__init__.py").is_file():
            parts[path.name] = _read_part(
                package, sorted(file for file in path.rglob("*") if file.suffix in (".py", ".yaml"))
            )
        elif path.suffix == ".py":
            parts[path.stem] = _read_part(package, [path])
    return parts


def _read_part(package: Path, files: list[Path]) -> _Part:
    digest = hashlib.sha256()
    imports: set[str] = set()
    for path in files:
        if path.suffix == ".yaml":
            digest.update(path.read_bytes())
            continue
        tree = ast.parse(path.read_text())
        imports.update(_imported(tree))
        digest.update(f"{path.relative_to(package).as_posix()}\n{_plain(tree)}\n".encode())
    return _Part(digest.hexdigest(), imports)


def _imported(tree: ast.Module) -> Iterator[str]:
    """Parts that a file imports, ``from gliofit.part import ...``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            first, _, rest = node.module.partition(".")
            if first == "gliofit":
                yield from [rest.partition(".")[0]] if rest else [alias.name for alias in node.names]


def _reached(stage: str, parts: dict[str, _Part]) -> set[str]:
    """A stage's package and everything it imports, directly or not."""
    found: set[str] = set()
    waiting = [stage]
    while waiting:
        part = waiting.pop()
        if part in parts and part not in found:
            found.add(part)
            waiting.extend(parts[part].imports)
    return found


def _plain(node: Any) -> str:
    """A syntax tree as text, without what says nothing to the computer.

    ``ast.dump`` and ``ast.unparse`` differ between versions of Python, this does not: fields that are empty, as new
    ones are in old code, are left out.
    """
    if isinstance(node, list):
        return "[" + ",".join(_plain(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        fields["body"] = [item for item in node.body if not _is_text(item)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
        fields["keywords"] = [item for item in node.keywords if item.arg != "description"]
    inner = (f"{name}={_plain(value)}" for name, value in fields.items() if value not in (None, []))
    return f"{type(node).__name__}({','.join(inner)})"


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a string, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
