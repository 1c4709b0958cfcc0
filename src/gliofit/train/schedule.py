"""Learning rate schedule and clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

#: Final learning rate of a cosine schedule, relative to its peak.
_FLOOR = 0.01


def learning_rate_factor(progress: float, schedule: str, warmup_fraction: float) -> float:
    """Return the learning rate relative to its peak after a fraction ``progress`` of the training."""
    if schedule == "constant":
        return 1.0
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup_fraction:
        return _FLOOR + (1 - _FLOOR) * progress / warmup_fraction
    done = (progress - warmup_fraction) / (1 - warmup_fraction)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


class Clock:
    """Clock of a training, including time before interruptions.

    ``now`` is ``time.monotonic`` for elapsed time, or ``time.process_time`` for processor time summed over the threads
    of the process. A budget of None is no limit.
    """

    def __init__(
        self, budget_minutes: float | None, spent_seconds: float = 0.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = None if budget_minutes is None else 60 * budget_minutes
        self._now = now
        self._start = now() - spent_seconds

    @property
    def seconds(self) -> float:
        """Time spent."""
        return self._now() - self._start

    @property
    def fraction(self) -> float:
        """Fraction of the budget spent; 0 without a budget."""
        return 0.0 if self._budget is None else self.seconds / self._budget

    def left_for(self, seconds: float) -> bool:
        """Return whether this much time is left."""
        return self._budget is None or self.seconds + seconds < self._budget
