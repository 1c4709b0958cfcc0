"""The progress line: what it shows, when, and that computations do not depend on it."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from gliofit.core.progress import ProgressLine

WORK = """
import sys, time
from gliofit.core import progress
line = progress.ProgressLine("gliofit x", quiet_seconds=0.2)
line.report("reading")
for number in range(15):
    line.report("things", number, 100, "loss 0.1 at a place whose name is longer than the terminal is wide")
    time.sleep(0.11)
line.say("FAILED [this]")
line.stop()
print("result")
"""


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (("deformation",), "x: deformation"),
        (("files", 3, 200), "x: files, 3 of 200"),
        (("training", 0.5, 1.0, "epoch 20"), "x: training, 50%, epoch 20"),
        (("evaluations", 7, 100, "loss 2", True), "x: evaluations, 7 of at most 100, loss 2"),
        (("seconds", 12), "x: seconds, 12"),
    ],
)
def test_a_plain_line_has_phase_amount_and_note(report: tuple, expected: str) -> None:
    stream = io.StringIO()
    line = ProgressLine("x", stream, quiet_seconds=0)
    line.report(*report)
    line.stop()
    assert re.fullmatch(rf"{re.escape(expected)}, 0:00:0\d elapsed\n", stream.getvalue())


@pytest.mark.parametrize(("seconds", "least", "most"), [((0.2, 0.3), 1, 4), ((), 0, 0)], ids=["some", "default"])
def test_plain_lines_appear_now_and_then_but_not_in_short_work(seconds: tuple, least: int, most: int) -> None:
    stream = io.StringIO()
    line = ProgressLine("x", stream, *seconds)
    for number in range(100):
        line.report("things", number, 100)
        time.sleep(0.01)
    line.stop()
    assert least <= len(stream.getvalue().splitlines()) <= most


def test_a_terminal_has_one_line_that_goes() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    assert process.communicate(timeout=60)[0].decode() == "result\n"
    os.close(theirs)
    text = os.read(ours, 100_000).decode()
    os.close(ours)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "gliofit x: things, 10 of 100" in shown
    assert "\r\x1b[2KFAILED [this]\r\n" in shown
    assert shown.endswith("\x1b[2K")
    assert all(len(part) <= 80 for part in re.findall(r"gliofit x[^\r\n\x1b]*", shown))


def test_a_closed_error_stream_stops_nothing() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" 2>&-', sys.executable, WORK], capture_output=True, timeout=60, check=True
    )
    assert done.stdout.decode() == "result\n"
