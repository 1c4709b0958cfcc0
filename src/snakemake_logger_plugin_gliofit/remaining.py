"""How long jobs that are left will take: costs that were measured once, scaled by what this run has taken so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gliofit.pipeline.estimate.costs import START_SECONDS, read_costs

__all__ = ["Remaining"]


class Remaining:
    """Durations of a run's jobs by rule, those seen and those expected.

    ``gliofit.pipeline.estimate`` has the costs of every kind of job. Kinds of a rule are averaged, since Snakemake
    gives only the number of jobs by rule; each finished job of the rule counts as much as that average.

    Parameters
    ----------
    jobs
        Jobs of each rule.
    """

    def __init__(self, jobs: Mapping[str, int]) -> None:
        self._left = Counter(jobs)
        costs = _costs()
        # A batch of cases is a rule of its own, whose name begins with that of the cases' rule.
        named = {rule: max((name for name in costs if rule.startswith(name)), key=len, default="") for rule in jobs}
        self._expected = {rule: costs[name] for rule, name in named.items() if name}
        self._seen: dict[str, list[float]] = {}

    def finish(self, rule: str, seconds: float) -> None:
        """A job of a rule has taken so long."""
        self._left[rule] -= 1
        self._seen.setdefault(rule, []).append(seconds)

    def of(self, rule: str) -> float:
        """Seconds that a job of a rule takes, as far as can be told."""
        seen = self._seen.get(rule, [])
        if rule not in self._expected:
            return sum(seen) / len(seen) if seen else 0.0
        return (sum(seen) + self._pace * self._expected[rule]) / (len(seen) + 1)

    def seconds(self, running: Sequence[tuple[str, float]], at_a_time: float) -> float:
        """Time until all jobs are done.

        Parameters
        ----------
        running
            Rules of the running jobs, and for how many seconds they have been.
        at_a_time
            How many jobs run at a time.
        """
        waiting = self._left - Counter(rule for rule, _ in running)
        rest = [max(self.of(rule) - elapsed, 0.1 * elapsed) for rule, elapsed in running]
        work = sum(count * self.of(rule) for rule, count in waiting.items()) + sum(rest)
        return max([work / at_a_time, *rest])

    @property
    def _pace(self) -> float:
        """How much longer jobs take here than where costs were measured."""
        known = [rule for rule in self._seen if rule in self._expected]
        expected = sum(len(self._seen[rule]) * self._expected[rule] for rule in known)
        return sum(sum(self._seen[rule]) for rule in known) / expected if expected else 1.0


def _costs() -> dict[str, float]:
    """Seconds of a job by rule, without its operations: the mean over its kinds."""
    kinds: dict[str, list[float]] = {}
    for key, cost in read_costs().kinds.items():
        kinds.setdefault(key.partition(" ")[0], []).append(cost.seconds)
    return {rule: START_SECONDS + sum(seconds) / len(seconds) for rule, seconds in kinds.items()}
