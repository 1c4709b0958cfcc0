"""Jobs that are done, running and left, as text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gliofit.core.progress import duration_text
from snakemake_logger_plugin_gliofit.remaining import Remaining

__all__ = ["Running", "Tally"]

#: Characters of the bar, and running jobs that are named.
_BAR, _NAMED = 10, 2

#: Jobs that must be done before their pace says anything of the others.
_ENOUGH = 3


@dataclass
class Running:
    """A job that has begun.

    Parameters
    ----------
    rule
        Its rule; empty where Snakemake has not told it, as of jobs that it hands to a cluster.
    words
        The rule and the values of its wildcards, for people.
    threads
        Threads that it was given.
    begun
        When, in seconds of the tally's clock.
    """

    rule: str
    words: str
    threads: int = 1
    begun: float = field(default=0.0)


class Tally:
    """Counts jobs of one run.

    Parameters
    ----------
    jobs
        Jobs of each rule that are to be done.
    remote
        Whether they are given to a cluster, where they may wait.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self, jobs: Mapping[str, int], remote: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._remaining = Remaining(jobs)
        self._doing = "submitted" if remote else "running"
        self._clock = clock
        self._begun = self._last = clock()
        self._busy = 0.0
        self._running: dict[int, Running] = {}
        self._failed: dict[int, tuple[Running, list[str]]] = {}
        # Whether jobs have ended whose rules are not known, so that nothing is known of those left.
        self._unnamed = False
        self.done, self.total = 0, sum(jobs.values())

    def begin(self, number: int, job: Running) -> None:
        """A job begins, maybe again after it failed."""
        self._pass()
        job.begun = self._clock()
        self._running[number] = job
        self._failed.pop(number, None)

    def finish(self, number: int) -> None:
        """A job has ended well."""
        self._pass()
        job = self._running.pop(number, None)
        if job is not None and not job.rule:
            self._unnamed = True
        elif job is not None:
            self._remaining.finish(job.rule, self._clock() - job.begun)

    def fail(self, number: int, rule: str, logs: list[str]) -> Running | None:
        """A job of a rule has failed: the job; None if that has been said already."""
        self._pass()
        job = self._running.pop(number, None)
        if job is not None:
            job = job if job.rule else replace(job, rule=rule, words=f"{rule}, {job.words}")
            self._failed[number] = job, logs
        return job

    def count(self, done: int, total: int) -> None:
        """Take Snakemake's own numbers, which know of jobs that were added on the way."""
        self.done, self.total = done, total

    def remaining_seconds(self) -> float | None:
        """What the run may still take; None where nothing can be said yet."""
        if self.done < _ENOUGH or self._unnamed:
            return None
        self._pass()
        now = self._clock()
        running = [(job.rule, now - job.begun) for job in self._running.values()]
        at_a_time = max(1.0, self._busy / max(now - self._begun, 1e-9))
        return self._remaining.seconds(running, at_a_time)

    def text(self) -> str:
        """The line of a run that goes on; what a narrow terminal cuts off is said last."""
        filled = _BAR * self.done // max(self.total, 1)
        left = max(self.total - self.done - len(self._running) - len(self._failed), 0)
        parts = [f"[{'#' * filled}{'-' * (_BAR - filled)}] {self.done} of {self.total} done"]
        if self._failed:
            parts.append(f"{len(self._failed)} failed")
        parts.append(f"{left} left")
        seconds = self.remaining_seconds()
        # Jobs that need what a failed one makes are left for good, so the time says nothing.
        if seconds is None or self._failed:
            parts.append(f"{duration_text(self._clock() - self._begun)} so far")
        else:
            parts.append(f"about {duration_text(seconds)}")
        if self._running:
            # Those that have run longest first: what keeps the run waiting.
            names = [job.words for job in sorted(self._running.values(), key=lambda job: job.begun)]
            more = ", ..." if len(names) > _NAMED else ""
            parts.append(f"{len(names)} {self._doing} ({', '.join(names[:_NAMED])}{more})")
        return ", ".join(parts)

    def summary(self) -> str:
        """What came of the run."""
        text = f"{self.done} of {self.total} jobs done in {duration_text(self._clock() - self._begun)}"
        if not self._failed:
            return text
        lost = self.total - self.done - len(self._failed)
        lines = [f"{text}; {len(self._failed)} failed" + (f", {lost} not begun for that" if lost > 0 else "")]
        lines += [f"  {job.words}: {', '.join(logs) or 'no log'}" for job, logs in self._failed.values()]
        return "\n".join([*lines, "correct what is named above and give the same command again: what is done stays"])

    def _pass(self) -> None:
        """Add up how many jobs ran for how long."""
        now = self._clock()
        self._busy += len(self._running) * (now - self._last)
        self._last = now
