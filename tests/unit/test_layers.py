"""The layout in CONTRIBUTING.md: packages import from packages below, and no modules import in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def read_layers(text: str) -> list[list[str]]:
    """Packages of each line of the drawing below ``src/gliofit/``, the highest line first."""
    drawing = text.partition("src/gliofit/\n")[2]
    lines = re.match(r"(?:    .+\n)+", drawing)
    assert lines is not None
    return [re.split(r" {2,}", line.strip())[0].split(", ") for line in lines[0].splitlines()]


@cache
def modules() -> dict[str, Path]:
    paths = sorted((SRC / "gliofit").rglob("*.py"))
    return {".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports_of(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Modules of gliofit that a module imports anywhere, and whether only type checkers do."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, types_only = pending.pop()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules() else str(node.module) for name in names]
        else:
            names = []
        yield from ((name, types_only) for name in names if name.partition(".")[0] == "gliofit")
        checking = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        guarded = set(map(id, node.body)) if checking else set()
        pending += [(child, types_only or id(child) in guarded) for child in ast.iter_child_nodes(node)]


@cache
def graph() -> dict[str, list[tuple[str, bool]]]:
    return {name: list(imports_of(ast.parse(path.read_text()))) for name, path in modules().items()}


def package_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for target in edges.get(module, ()):
            if target not in number:
                visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], number[target])
        if lowest[module] == number[module]:
            place = stack.index(module)
            if len(stack) - place > 1:
                result.append(sorted(stack[place:]))
            del stack[place:]

    for module in edges:
        if module not in number:
            visit(module)
    return result


def test_the_drawing_has_every_package_once() -> None:
    drawn = [name for layer in read_layers((ROOT / "CONTRIBUTING.md").read_text()) for name in layer]
    assert sorted(drawn) == sorted({package_of(module) for module in modules()} - {""})


def test_packages_import_from_below() -> None:
    layers = read_layers((ROOT / "CONTRIBUTING.md").read_text())
    height = {name: -place for place, layer in enumerate(layers) for name in layer}
    upward = {
        (module, package_of(target))
        for module, targets in graph().items()
        for target, _ in targets
        if package_of(module) and package_of(target) not in ("", package_of(module))
        and height[package_of(target)] >= height[package_of(module)]
    }  # fmt: skip
    assert upward == set()


def test_the_root_of_the_package_imports_nothing() -> None:
    assert graph()["gliofit"] == []


def test_no_modules_import_in_a_circle() -> None:
    edges = {
        module: {target for target, types_only in targets if not types_only} for module, targets in graph().items()
    }
    assert circles(edges) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import gliofit.core.io", [("gliofit.core.io", False)]),
        ("from gliofit.core import io", [("gliofit.core.io", False)]),
        ("from gliofit.core.io import read_table", [("gliofit.core.io", False)]),
        ("def f():\n    from gliofit.core import io", [("gliofit.core.io", False)]),
        ("if TYPE_CHECKING:\n    import gliofit.core.io", [("gliofit.core.io", True)]),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import gliofit.core.io", [("gliofit.core.io", False)]),
        ("import numpy", []),
    ],
)  # fmt: skip
def test_imports_are_found_wherever_they_stand(text: str, expected: list[tuple[str, bool]]) -> None:
    assert sorted(imports_of(ast.parse(text))) == sorted(expected)


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]


def test_layers_are_read_from_a_drawing() -> None:
    text = "x\nsrc/gliofit/\n    cli       commands\n    a, b      two,  words\n    core      base\nmodels/   more\n"
    assert read_layers(text) == [["cli"], ["a", "b"], ["core"]]
