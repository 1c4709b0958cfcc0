"""Progress of a computation, on one line of the standard error stream.

Computations take a callback of type ``OnProgress``. On a terminal, rich draws the line; elsewhere, as in the log of a
job, a plain line appears now and then. Computations of less than five seconds print nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Protocol, TextIO


class OnProgress(Protocol):
    """Progress callback."""

    def __call__(
        self, phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
    ) -> None:
        """Take a report.

        Parameters
        ----------
        phase
            What is being done, such as ``cases checked``.
        done, total
            How much of it, in units of the phase; a total of 1 means a share. None where unknown.
        note
            A few more words, such as the present loss.
        most
            Whether ``total`` is a limit that need not be reached, such as a budget of evaluations.
        """


def no_progress(*_: object, **__: object) -> None:
    """Ignore the report: the default of every computation."""


class ProgressLine:
    """A line that shows the latest report until it is stopped, on the standard error stream by default.

    Nothing is printed in the first ``quiet_seconds``. Where the stream is not a terminal, ``plain_seconds`` is the
    shortest time between lines.
    """

    def __init__(
        self, title: str, stream: TextIO | None = None, quiet_seconds: float = 5.0, plain_seconds: float = 10.0
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column

        self._title, self._plain_seconds = title, plain_seconds
        self._console = Console(file=stream, stderr=stream is None)
        self._begin = time.monotonic()
        self._due = self._begin + quiet_seconds
        self._phase = ""
        self._bar: Progress | None = None
        if self._console.is_interactive:
            text = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True))
            self._bar = Progress(
                text, BarColumn(12), TimeElapsedColumn(), TimeRemainingColumn(), console=self._console,
                expand=True, transient=True, redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._task = self._bar.add_task(title, total=None)
            self._start = threading.Timer(quiet_seconds, self._bar.start)
            self._start.daemon = True
            self._start.start()

    def report(
        self, phase: str, done: float | None = None, total: float | None = None, note: str = "", most: bool = False
    ) -> None:
        """Take a report, as ``OnProgress``."""
        amount = ""
        if done is not None:
            limit = "" if not total else f" of {'at most ' if most else ''}{total:.0f}"
            amount = f"{done:.0%}" if total == 1 else f"{done:.0f}{limit}"
        text = f"{self._title}: {', '.join(filter(None, (phase, amount, note)))}"
        if self._bar is None:
            now = time.monotonic()
            if now >= self._due:
                self._due = now + self._plain_seconds
                self.say(f"{text}, {timedelta(seconds=round(now - self._begin))} elapsed")
        elif phase == self._phase:
            self._bar.update(self._task, description=text, completed=done, total=total)
        else:
            self._phase = phase
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(text, total=total, completed=done or 0)  # type: ignore[arg-type]

    def say(self, message: str) -> None:
        """Print text that stays, above the line."""
        # A terminal that is closed must not stop the computation.
        with suppress(OSError):
            self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Remove the line."""
        if self._bar is not None:
            self._start.cancel()
            self._start.join()
            if self._bar.live.is_started:
                self._bar.stop()


@contextmanager
def show_progress(title: str) -> Iterator[OnProgress]:
    """Show reports on the standard error stream, after a title such as ``gliofit fit``; yield the callback."""
    line = ProgressLine(title)
    try:
        yield line.report
    finally:
        line.stop()
