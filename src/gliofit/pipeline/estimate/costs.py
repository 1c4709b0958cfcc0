"""The measured table of costs, ``costs.yaml``: a straight line in work for each kind of job."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import Field

from gliofit.core.settings import Settings
from gliofit.pipeline.estimate.jobs import Jobs

__all__ = ["COSTS_FILE", "FAR", "START_SECONDS", "Cost", "Costs", "Line", "calibration_seconds", "read_costs"]

COSTS_FILE = Path(__file__).with_name("costs.yaml")

#: Jobs of so many times the work that was measured are said to be far from what was measured.
FAR = 10.0

#: Processor time that Snakemake takes to start a job, which benchmarks do not count.
START_SECONDS = 1.3

Line = tuple[float, float]


class Cost(Settings):
    """What a job of one kind takes."""

    jobs: int = Field(description="Jobs that were measured.")
    work: float = Field(description="Units of work of the largest of them.")
    seconds: Line = Field(description="Processor time: of every job, and for a unit of work.")
    bytes: Line = Field(description="What it leaves on disk, with its log: of every job, and for a unit of size.")
    megabytes: float = Field(description="Most memory that one of them took (resident).")


class Costs(Settings):
    """The whole table, and where it is from."""

    machine: str = Field(description="Processor that the times were measured on.")
    calibration_seconds: float = Field(description="What `calibration_seconds` gave there.")
    runs: tuple[str, ...] = Field(description="Runs that were measured, by name.")
    costs: dict[str, Cost] = Field(description="By rule, and what sets jobs of a rule apart.")

    def of(self, jobs: Jobs) -> tuple[Cost, bool]:
        """Cost of a kind of job, and whether it was measured.

        One that was not costs what the dearest kind of its rule does, or else the middle one of all jobs.
        """
        if jobs.key in self.costs:
            return self.costs[jobs.key], True

        def seconds(cost: Cost) -> float:
            return cost.seconds[0] + cost.seconds[1] * jobs.work

        alike = [cost for key, cost in self.costs.items() if key.partition(" ")[0] == jobs.rule]
        if alike:
            return max(alike, key=seconds), False
        everything = sorted(self.costs.values(), key=lambda cost: cost.seconds[0])
        middle = everything[len(everything) // 2]
        return middle.model_copy(update={"seconds": (middle.seconds[0], 0.0), "bytes": (middle.bytes[0], 0.0)}), False


def calibration_seconds() -> float:
    """Processor time of a fixed piece of work, the least of several tries: how fast this machine is at present.

    Half of it is arithmetic on arrays larger than fast memory, half is Python, as in the jobs of small runs.
    """
    import numpy as np

    def work() -> None:
        field = np.linspace(0.0, 1.0, 2_000_000, dtype=np.float32)
        for _ in range(10):
            field = field + 0.1 * field * (1 - field)
        total = 0
        for number in range(1_000_000):
            total += number % 7

    def seconds() -> float:
        begin = time.process_time()
        work()
        return time.process_time() - begin

    return min(seconds() for _ in range(5))


def read_costs(path: Path = COSTS_FILE) -> Costs:
    """Read a table of costs."""
    import yaml

    return Costs.model_validate(yaml.safe_load(path.read_text()))
