"""Memory that is kept between training steps."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from gliofit.train.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for step in range(9):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_a_later_step_takes_no_new_pages() -> None:
    default, kept = (int(subprocess.check_output([sys.executable, "-c", PROGRAM, mode])) for mode in ("no", "keep"))
    # 4 times 64 MB are 62,500 pages of 4 kB.
    assert default > 50_000
    assert kept < 1_000
