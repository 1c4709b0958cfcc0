"""What shells are told when the tabulator key is pressed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gliofit.core.labels import LABEL_SCHEMES
from gliofit.invert.settings import InvertSettings


def offered(words: str) -> set[str]:
    """Completions of the last word in bash."""
    environment = {"_GLIOFIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-m", "gliofit.cli"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pre", {"predictgbm"}),
        ("fit --method ", set(InvertSettings().methods)),
        ("fit --method gauss-n", {"gauss-newton"}),
        ("fit --labels ", set(LABEL_SCHEMES)),
        ("plan --recurrence-labels ", set(LABEL_SCHEMES)),
        ("check --labels ", set(LABEL_SCHEMES)),
        ("register --labels ", set(LABEL_SCHEMES)),
    ],
)
def test_values(words: str, expected: set[str]) -> None:
    assert offered(f"gliofit {words}") == expected


def test_commands_and_targets_of_the_workflow() -> None:
    assert {"fit", "plan", "demo", "verify"} <= offered("gliofit ")
    assert {"register_all", "tables", "figures"} <= offered("gliofit run config/demo.yaml ")
