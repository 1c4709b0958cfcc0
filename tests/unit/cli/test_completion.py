"""What shells are told when the tabulator key is pressed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gliofit.core.labels import LABEL_SCHEMES
from gliofit.invert.settings import InvertSettings


def offered(words: str, shell: str = "bash") -> list[str]:
    """Completions of the last word."""
    count = len(words.split(" ")) - 1
    environment = {"_GLIOFIT_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    environment |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-m", "gliofit.cli"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_commands() -> None:
    assert {"fit", "plan", "demo", "verify"} <= set(offered("gliofit "))
    assert offered("gliofit pre") == ["predictgbm"]


def test_methods() -> None:
    assert set(offered("gliofit fit --method ")) == set(InvertSettings().methods)
    assert offered("gliofit fit --method gauss-n") == ["gauss-newton"]


@pytest.mark.parametrize("words", ["fit --labels", "plan --recurrence-labels", "check --labels", "register --labels"])
def test_label_schemes(words: str) -> None:
    assert set(offered(f"gliofit {words} ")) == set(LABEL_SCHEMES)


def test_targets_of_the_workflow() -> None:
    assert {"register_all", "tables", "figures"} <= set(offered("gliofit run config/demo.yaml "))
