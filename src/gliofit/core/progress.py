"""How far a computation is and how long it may still take, on one line of the standard error stream.

Computations take a function of type ``OnProgress`` and know nothing else of this file. The line is written by a small
process of its own: libraries such as ANTs keep Python's lock for minutes, and a line that stands still looks like a
program that hangs. On a terminal the line renews itself; elsewhere a new line appears now and then. What takes less
than five seconds says nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TextIO

__all__ = ["OnProgress", "StatusLine", "Tracker", "duration_text", "no_progress", "show_progress"]

#: Seconds before anything is said.
QUIET_SECONDS = 5.0

#: Seconds between lines where there is no terminal.
PLAIN_SECONDS = 10.0

#: Seconds between renewals on a terminal.
_RENEW_SECONDS = 0.5

#: Share of a phase that must be done before its pace says anything of the rest.
_KNOWN_SHARE = 0.03


class OnProgress(Protocol):
    """Called with the name of the present phase, and with how much of it is done where that is known."""

    def __call__(
        self, phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
    ) -> None:
        """Take a report.

        Parameters
        ----------
        phase
            What is being done, such as ``cases checked``.
        done, total
            How much of it, in units of the phase; ``total`` is None where the end is not known.
        note
            A few words more, such as the present loss.
        most
            Whether ``total`` is a limit that need not be reached, such as a budget of evaluations.
        """


def no_progress(
    phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
) -> None:
    """Say nothing: the default of every computation."""


def duration_text(seconds: float) -> str:
    """A duration in words, rounded to what a person reads: ``8 s``, ``6 min``, ``2 h 05 min``, ``3 days``."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 2880:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{round(minutes / 1440)} days"


class Tracker:
    """What was reported last, as a line of text.

    Parameters
    ----------
    title
        What the whole is called; the line begins with it.
    clock
        Seconds that only go forward.
    """

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._clock = title, clock
        self._begun = self._phase_begun = clock()
        self._phase, self._note, self._most = "", "", False
        self._done: float | None = None
        self._first = 0.0
        self._total: float | None = None

    def report(
        self, phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
    ) -> None:
        """Take a report, as ``OnProgress``."""
        if phase != self._phase:
            self._phase, self._phase_begun, self._first = phase, self._clock(), done or 0.0
        self._done, self._total, self._note, self._most = done, total, note, most

    def remaining_seconds(self) -> float | None:
        """What the present phase still takes at its pace so far; None where that says nothing."""
        if self._done is None or not self._total:
            return None
        # What was there at the first report, of a training that goes on say, took no time now.
        made = self._done - self._first
        if made < _KNOWN_SHARE * self._total:
            return None
        return (self._clock() - self._phase_begun) / made * max(self._total - self._done, 0.0)

    def text(self) -> str:
        """The line."""
        parts = [self._phase] if self._phase else []
        if self._done is not None and self._total:
            of = f"{self._done:.0f} of {'at most ' if self._most else ''}{self._total:.0f}"
            parts.append(f"{self._done / self._total:.0%}" if self._total <= 1 else of)
        elif self._done is not None:
            parts.append(f"{self._done:.0f}")
        parts += [self._note] if self._note else []
        parts.append(f"{duration_text(self._clock() - self._begun)} so far")
        left = self.remaining_seconds()
        if left is not None:
            parts.append(f"{'at most' if self._most else 'about'} {duration_text(left)} left")
        return f"{self._title}: {', '.join(parts)}"


class StatusLine:
    """A line that renews itself in a thread, until it is stopped.

    Parameters
    ----------
    text
        Gives the line.
    stream
        Where to; its descriptor tells whether it is a terminal.
    quiet_seconds
        Time before the first line.
    plain_seconds
        Time between lines where the stream is no terminal.
    """

    def __init__(
        self,
        text: Callable[[], str],
        stream: TextIO,
        quiet_seconds: float = QUIET_SECONDS,
        plain_seconds: float = PLAIN_SECONDS,
    ) -> None:
        self._text, self._stream = text, stream
        self.renews = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._quiet, self._every = quiet_seconds, _RENEW_SECONDS if self.renews else plain_seconds
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._shown = False
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def say(self, message: str) -> None:
        """Write something that stays, above the line."""
        with self._lock:
            self._clear()
            self._write(f"{message}\n")

    def stop(self) -> None:
        """Take the line away."""
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._clear()

    def _renew(self) -> None:
        wait = self._quiet
        while not self._ended.wait(wait):
            wait = self._every
            text = self._text()
            with self._lock:
                if self.renews:
                    width = max(20, shutil.get_terminal_size().columns) - 1
                    short = text if len(text) <= width else f"{text[: width - 3]}..."
                    # The cursor waits at the beginning, so that what others write there covers the line.
                    self._write(f"\r\x1b[K{short}\r")
                    self._shown = True
                else:
                    self._write(f"{text}\n")

    def _clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = False

    def _write(self, text: str) -> None:
        # A terminal that is gone is no reason to end.
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


@contextmanager
def show_progress(title: str) -> Iterator[OnProgress]:
    """Show what is reported within on the standard error stream.

    Parameters
    ----------
    title
        What the line begins with, such as ``gliofit fit``.

    Yields
    ------
    The function to report with. It never waits and never fails.
    """
    teller = subprocess.Popen(
        [sys.executable, "-I", os.path.abspath(__file__), title], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert teller.stdin is not None
    pipe = teller.stdin.fileno()
    os.set_blocking(pipe, False)
    last_phase, last_time = "", 0.0

    def report(
        phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
    ) -> None:
        nonlocal last_phase, last_time
        now = time.monotonic()
        if phase == last_phase and now - last_time < _RENEW_SECONDS:
            return
        last_phase, last_time = phase, now
        # Shorter than what a pipe takes whole; a report that finds it full is lost.
        with suppress(OSError):
            os.write(pipe, f"{json.dumps([phase[:200], done, total, note[:200], most])}\n".encode())

    try:
        yield report
    finally:
        with suppress(OSError):
            teller.stdin.close()
        teller.wait()


def _tell(title: str) -> None:
    """Show reports that arrive, one JSON list a line, until there are no more."""
    # Ctrl-C is for the process that computes; the end of its reports ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tracker = Tracker(title)
    line = StatusLine(tracker.text, sys.stderr)
    for report in sys.stdin:
        tracker.report(*json.loads(report))
    line.stop()


if __name__ == "__main__":
    _tell(sys.argv[1])
