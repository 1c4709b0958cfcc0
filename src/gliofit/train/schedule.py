"""Learning rate and the clock it may follow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["Clock", "learning_rate_factor"]

#: Where a cosine schedule ends, relative to its peak.
_FLOOR = 0.01


def learning_rate_factor(progress: float, schedule: str, warmup_fraction: float) -> float:
    """Learning rate relative to its peak when ``progress`` (0 to 1) of the training is done."""
    if schedule == "constant":
        return 1.0
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup_fraction:
        return _FLOOR + (1 - _FLOOR) * progress / warmup_fraction
    done = (progress - warmup_fraction) / (1 - warmup_fraction)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


class Clock:
    """Seconds spent on a training, over all its interruptions, against its budget.

    Parameters
    ----------
    budget_minutes
        Largest time to spend; None for no limit.
    spent_seconds
        Time spent by earlier runs.
    now
        Clock to read, in seconds: ``time.monotonic`` for elapsed time, ``time.process_time`` for processor time summed
        over the threads of this process, which does not depend on other load on the machine.
    """

    def __init__(
        self,
        budget_minutes: float | None,
        spent_seconds: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = None if budget_minutes is None else 60 * budget_minutes
        self._now = now
        self._start = now() - spent_seconds

    @property
    def seconds(self) -> float:
        """Time spent so far."""
        return self._now() - self._start

    @property
    def fraction(self) -> float:
        """Part of the budget spent; 0 without a budget."""
        return 0.0 if self._budget is None else self.seconds / self._budget

    def left_for(self, seconds: float) -> bool:
        """Whether that much time is left."""
        return self._budget is None or self.seconds + seconds < self._budget
