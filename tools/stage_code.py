"""Digests of the code of each stage, as a reminder to raise its version.

``STAGE_VERSIONS`` (``gliofit.pipeline.job``) is raised by hand when results change. ``workflow/code.json`` contains the
digests of the last check, which a test compares. Comments, formatting, docstrings and descriptions of settings do not
change a digest.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gliofit.pipeline.job import STAGE_VERSIONS

_PACKAGE = Path(__file__).resolve().parents[1] / "src/gliofit"

#: Packages with separate digests of modules; other packages have one digest.
_COLLECTIONS = ("core", "inputs", "pipeline")


def recorded_stages(package: Path = _PACKAGE) -> dict[str, dict[str, Any]]:
    """Version and code digest of every stage, the content of ``workflow/code.json``."""
    digests = stage_digests(package)
    return {stage: {"version": STAGE_VERSIONS[stage], "code": digests[stage]} for stage in STAGE_VERSIONS}


def unchecked_stages(recorded: dict[str, dict[str, Any]], package: Path = _PACKAGE) -> list[str]:
    """Return the stages whose code changed since ``recorded`` while their version did not."""
    current = recorded_stages(package)
    return [
        stage
        for stage, entry in current.items()
        if recorded.get(stage, {}).get("code") != entry["code"]
        and recorded.get(stage, {}).get("version") == entry["version"]
    ]


def stage_digests(package: Path = _PACKAGE) -> dict[str, str]:
    """Compute SHA-256 by stage of its package and all code that it imports, without other stages' packages."""
    parts: dict[str, tuple[str, set[str]]] = {}
    digests = {}
    for stage in STAGE_VERSIONS:
        pending, reached = [stage], set[str]()
        while pending:
            name = pending.pop()
            if name in reached or (name in STAGE_VERSIONS and name != stage):
                continue
            if name not in parts:
                parts[name] = _read_part(package, name)
            reached.add(name)
            pending.extend(parts[name][1])
        digests[stage] = hashlib.sha256("\n".join(parts[name][0] for name in sorted(reached)).encode()).hexdigest()
    return digests


def _read_part(package: Path, name: str) -> tuple[str, set[str]]:
    """Return digest and imports of a package (``invert``) or of a module (``core/grid``)."""
    path = package / name
    files = sorted(path.rglob("*")) if path.is_dir() else [path.with_suffix(".py")]
    digest, imports = hashlib.sha256(name.encode()), set[str]()
    for file in files:
        if file.suffix == ".yaml":
            digest.update(file.read_bytes())
        elif file.suffix == ".py":
            tree = ast.parse(file.read_text())
            imports.update(_imports(tree, package))
            digest.update(f"{file.relative_to(package).as_posix()}\n{_plain(tree)}\n".encode())
    return digest.hexdigest(), imports


def _imports(tree: ast.Module, package: Path) -> Iterator[str]:
    """Return the parts that a file imports by ``from gliofit.part[.module] import ...``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("gliofit."):
            _, part, *modules = node.module.split(".")
            if part not in _COLLECTIONS:
                yield part
                continue
            for module in modules[:1] or [alias.name for alias in node.names]:
                if (package / part / module).with_suffix(".py").is_file():
                    yield f"{part}/{module}"


def _plain(node: Any) -> str:
    """Convert a syntax tree to text, without docstrings.

    ``ast.dump`` and ``ast.unparse`` differ between versions of Python; here empty fields are omitted.
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
    """Whether a statement is a string, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
