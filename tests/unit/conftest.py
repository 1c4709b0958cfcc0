"""Fixtures of tests of figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from legible import Drawn, complaints


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drawn]:
    """Keeps every figure that is saved; fails the test if one of them is hard to read."""
    from matplotlib.figure import Figure

    from gliofit.figures.style import figure_style

    found = Drawn()
    save = Figure.savefig

    def keeping(figure: Figure, *args: Any, **keys: Any) -> None:
        if figure not in found.figures:
            found.figures.append(figure)
        save(figure, *args, **keys)

    monkeypatch.setattr(Figure, "savefig", keeping)
    yield found
    with figure_style():
        assert not [line for figure in found.figures for line in complaints(figure)]
