"""Step size control of the accurate integrator: error per step, end of the simulation, stopping by volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from gliofit.growth.model import Growth
from gliofit.solver.backends.base import Attempt

# Longest step in units of 1 / rho at a tolerance of 3e-3; it scales with the cube root of the tolerance. Step doubling
# underestimates the error of fronts thinner than a voxel.
_LONGEST_REACTION = 1.0
_AT_TOLERANCE = 3e-3
# Fraction of the remaining time for the last step but one. At tissue borders the final error of Strang splitting is
# proportional to the last step, so that this step is short.
_LAST_STRETCH = 0.75
_MOST_STEPS = 100_000
# Relative tolerance of the volume at which to stop.
_VOLUME_TOLERANCE = 1e-4


class StepControl:
    """Step size control of one tumour; times are fractions of the duration.

    Strang splitting and RKL2 are of order two, so the error of a step of length tau is proportional to tau^3. The next
    step is 0.9 (tolerance / error)^(1/3) times as long, limited to 0.2 to 3 times. A step is repeated if its error
    exceeds twice the tolerance; the extrapolated state is more accurate than the estimate.

    Parameters
    ----------
    growth
        Coefficients of the tumour.
    tolerance
        Target of the estimated relative L2 error of each step.
    start
        State at the beginning.
    stopping_total
        Sum of c at which to stop early, to 1e-4 of it.
    schedule
        Fixed steps, without error control.
    """

    def __init__(
        self, growth: Growth, tolerance: float, start: Attempt,
        stopping_total: float | None = None, schedule: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        self.time = 0.0
        self.steps: list[float] = []
        self.rejected = 0
        self.errors = 0.0
        self.stopped_by: Literal["time", "volume"] = "time"
        self.now = start
        self._tolerance = tolerance
        self._longest: float = _LONGEST_REACTION * (tolerance / _AT_TOLERANCE) ** (1 / 3) / max(growth.mu_rho**2, 1e-12)
        # The seed is about sqrt(10) mm wide: a tenth of its diffusion time.
        self._next: float = min(0.1, 1.0 / max(growth.mu_d_mm**2, 1e-12), 0.5 / max(growth.mu_rho**2, 1e-12))
        self._stopping_total = stopping_total
        self._schedule = None if schedule is None else list(schedule)
        # Width and end of a rejected step past the volume at which to stop.
        self._beyond: tuple[float, Attempt] | None = None
        self._tried = 0.0
        self.done = False
        self._stop_at_volume(start)

    def _stop_at_volume(self, state: Attempt) -> None:
        target = self._stopping_total
        if target is not None and state.total >= target * (1 - _VOLUME_TOLERANCE):
            self.done, self.stopped_by = True, "volume"

    def propose(self) -> float:
        """Return the length of the next step, 0 if the simulation is finished."""
        if self.done:
            return 0.0
        if self._schedule is not None:
            self._tried = self._schedule[len(self.steps)]
            return self._tried
        left = 1.0 - self.time
        step = min(self._next, self._longest)
        if step >= left:
            step = left if step >= 4 * left else _LAST_STRETCH * left
        elif step > left / 2:
            step = left / 2
        if self._stopping_total is not None:
            step = min(step, self._step_to(self._stopping_total))
        self._tried = step
        return step

    def _step_to(self, total: float) -> float:
        """Return the step to the sum ``total``, by cubic Hermite interpolation to a state beyond it."""
        if self._beyond is None:
            return math.inf
        width, beyond = self._beyond
        rise = beyond.total - self.now.total
        low, high = 0.0, 1.0
        for _ in range(60):
            x = (low + high) / 2
            value = (
                self.now.total
                + rise * x * x * (3 - 2 * x)
                + width * (self.now.total_rate * x * (1 - x) ** 2 - beyond.total_rate * x * x * (1 - x))
            )
            low, high = (x, high) if value < total else (low, x)
        # The ends of the bracket would not shrink it.
        return width * min(max((low + high) / 2, 1e-3), 1 - 1e-3)

    def judge(self, attempt: Attempt) -> bool:
        """Return whether to accept the attempt, and advance the time if so.

        RuntimeError if the fields are not finite or there are too many steps; neither happens with valid input.
        """
        step = self._tried
        if not attempt.error < math.inf or len(self.steps) + self.rejected > _MOST_STEPS:
            raise RuntimeError(f"time integration: failed at {self.time:.6f} of the duration")
        if self._schedule is not None:
            self._advance(step, attempt)
            # The schedule of a tumour with several origins goes on with the next stage.
            self.done = len(self.steps) == len(self._schedule) or self.time > 1 - 1e-9
            return True
        factor = 0.9 * (self._tolerance / max(attempt.error, 1e-12)) ** (1 / 3)
        if attempt.error > 2 * self._tolerance:
            self._next = step * max(0.2, min(0.9, factor))
            self.rejected += 1
            return False
        target = self._stopping_total
        if target is not None and attempt.total > target * (1 + _VOLUME_TOLERANCE):
            self._beyond = (step, attempt)
            self.rejected += 1
            return False
        if self._beyond is not None:
            self._beyond = (self._beyond[0] - step, self._beyond[1])
        self._advance(step, attempt)
        self._next = max(self._next if step < self._next else 0.0, step * max(0.2, min(3.0, factor)))
        self._stop_at_volume(attempt)
        if not self.done and self.time >= 1 - 1e-12:
            self.time, self.done = 1.0, True
        return True

    def _advance(self, step: float, attempt: Attempt) -> None:
        self.time += step
        self.steps.append(step)
        self.errors += attempt.error
        self.now = attempt
