"""Figures that are saved, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gliofit import cli
from gliofit.cli import machine
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


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line, which returns its exit status and leaves the thread counts of this process as they are."""
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)

    def call(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    return call
