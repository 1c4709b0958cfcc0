"""The line that says how far a computation is: what it says, when, and that computations do not depend on it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time

import pytest

from gliofit.core import progress
from gliofit.core.progress import StatusLine, Tracker, duration_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (8, "8 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (7500, "2 h 05 min"), (3e5, "3 days")],
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_remaining_time_follows_the_pace_of_the_phase() -> None:
    clock = Clock()
    tracker = Tracker("gliofit verify", clock)
    tracker.report("reading")
    clock.now += 60
    tracker.report("files", 0, 200)
    clock.now += 10
    tracker.report("files", 50, 200)
    assert tracker.remaining_seconds() == pytest.approx(30)
    assert tracker.text() == "gliofit verify: files, 50 of 200, 70 s so far, about 30 s left"


def test_what_a_resumed_training_had_done_took_no_time_now() -> None:
    clock = Clock()
    tracker = Tracker("train", clock)
    tracker.report("training", 0.5, 1.0, "epoch 20 of 40")
    clock.now += 10
    tracker.report("training", 0.6, 1.0, "epoch 24 of 40", most=True)
    assert tracker.remaining_seconds() == pytest.approx(40)
    assert tracker.text() == "train: training, 60%, epoch 24 of 40, 10 s so far, at most 40 s left"


@pytest.mark.parametrize("report", [("deformation", None, None), ("growing", 0.0, 1.0), ("growing", 0.01, 1.0)])
def test_what_cannot_be_known_is_not_said(report: tuple[str, float | None, float | None]) -> None:
    clock = Clock()
    tracker = Tracker("gliofit register", clock)
    tracker.report(report[0], None if report[1] is None else 0.0, report[2])
    clock.now += 25
    tracker.report(*report)
    assert "left" not in tracker.text()
    assert tracker.text().endswith("25 s so far")


def test_lines_come_now_and_then_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    line = StatusLine(lambda: "half", stream, quiet_seconds=0.05, plain_seconds=0.05)
    line.say("FAILED")
    time.sleep(0.4)
    line.stop()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "FAILED"
    assert 2 <= lines.count("half") <= 10
    assert "\r" not in stream.getvalue()


def test_short_work_says_nothing() -> None:
    stream = io.StringIO()
    StatusLine(lambda: "half", stream).stop()
    assert stream.getvalue() == ""


WORK = """
import sys, time
from gliofit.core import progress
with progress.show_progress("gliofit x") as say:
    for number in range(int(sys.argv[1])):
        say("things", number, 100)
        time.sleep(0.1)
    print("result")
"""


@pytest.fixture
def quick(tmp_path, monkeypatch) -> dict[str, str]:
    """A copy of the module that does not wait for five seconds."""
    text = open(progress.__file__).read().replace("QUIET_SECONDS = 5.0", "QUIET_SECONDS = 0.2")
    (tmp_path / "gliofit").mkdir()
    (tmp_path / "gliofit/__init__.py").touch()
    (tmp_path / "gliofit/core/progress.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(tmp_path), "TERM": "xterm"}


def test_a_terminal_has_one_line_that_renews_and_goes(quick: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, "15"], stdout=subprocess.PIPE, stderr=theirs, env=quick, close_fds=True
    )
    assert process.communicate(timeout=60)[0].decode() == "result\n"
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "gliofit x: things, 10 of 100" in said
    assert "\n" not in said
    assert said.endswith("\r\x1b[K")


def test_a_closed_error_stream_stops_nothing(quick: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" 6 2>&-', sys.executable, WORK], env=quick, capture_output=True, timeout=60
    )
    assert done.stdout.decode() == "result\n"
    assert done.returncode == 0


def test_reports_never_wait_for_a_reader_that_sleeps(quick: dict[str, str]) -> None:
    flood = (
        "import time\nfrom gliofit.core import progress\nbegin = time.monotonic()\n"
        "with progress.show_progress('x') as say:\n"
        "    import os, signal, subprocess\n"
        "    children = subprocess.run(['pgrep', '-P', str(os.getpid()), 'python'], capture_output=True, text=True)\n"
        "    teller = int(children.stdout.split()[0])\n"
        "    os.kill(teller, signal.SIGSTOP)\n"
        "    for number in range(3000):\n        say(f'{number:0200d}')\n"
        "    os.kill(teller, signal.SIGCONT)\n"
        "print(time.monotonic() - begin)\n"
    )
    done = subprocess.run([sys.executable, "-c", flood], env=quick, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 20
