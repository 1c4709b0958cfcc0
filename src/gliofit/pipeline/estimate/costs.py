"""The measured table of costs, ``costs.yaml``: what operations and kinds of jobs take, and limits that follow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from math import ceil
from pathlib import Path

from pydantic import Field

from gliofit.core.errors import InputError
from gliofit.core.settings import Settings
from gliofit.core.work import Work

__all__ = [
    "COSTS_FILE", "FAR", "START_SECONDS", "Costs", "KindCost", "Line", "Rate", "calibration_seconds", "read_costs",
]  # fmt: skip

COSTS_FILE = Path(__file__).with_name("costs.yaml")

#: Jobs with so many times the operations that were measured are reported as far from what was measured.
FAR = 10.0

#: Processor time that Snakemake takes to start a job, which benchmarks do not count.
START_SECONDS = 1.3

#: Minutes of a limit for starting, importing libraries and writing files on a slow disk.
_START_MINUTES = 15

#: Memory in MB of a limit for libraries.
_LIBRARIES = 1500

Line = tuple[float, float]


class Rate(Settings):
    """What an operation takes on one core."""

    unit: str = Field(description="What counts as one.")
    seconds: float = Field(description="Processor time.")
    limit_seconds: float = Field(description="What limits allow: several times the mean, as large tumours take longer.")
    most: float = Field(0.0, description="Most of them in a job that was measured; 0: not measured.")


class KindCost(Settings):
    """What a job of one kind takes, whatever its work."""

    jobs: int = Field(description="Jobs that were measured.")
    seconds: float = Field(description="Processor time before and after the operations.")
    bytes: Line = Field(description="What it leaves on disk, with its log: of every unit, and for a unit of size.")
    megabytes: float = Field(description="Most memory that one of them took (resident).")


class Costs(Settings):
    """The whole table, and where it is from."""

    machine: str = Field(description="Processor that the times were measured on.")
    calibration_seconds: float = Field(description="What `calibration_seconds` gave there.")
    runs: tuple[str, ...] = Field(description="Runs that were measured, by name.")
    operations: dict[str, Rate] = Field(description="By name, as `Work` has them.")
    kinds: dict[str, KindCost] = Field(description="By rule, and what sets jobs of a rule apart.")

    def kind(self, name: str) -> tuple[KindCost, bool]:
        """Cost of a kind of job, and whether it was measured.

        One that was not costs what the most expensive kind of its rule does, or else the median of all kinds.
        """
        if name in self.kinds:
            return self.kinds[name], True
        rule = name.partition(" ")[0]
        alike = [cost for key, cost in self.kinds.items() if key.partition(" ")[0] == rule]
        ordered = sorted(alike or self.kinds.values(), key=lambda cost: cost.seconds)
        return ordered[-1 if alike else len(ordered) // 2], False

    def rate(self, operation: str) -> Rate:
        """Rate of an operation; of trainings of an unknown architecture that of the slowest known one.

        Raises
        ------
        InputError
            If the table does not have it.
        """
        if operation in self.operations:
            return self.operations[operation]
        if operation.startswith("train-"):
            known = [rate for name, rate in self.operations.items() if name.startswith("train-")]
            return max(known, key=lambda rate: rate.seconds).model_copy(update={"most": 0.0})
        raise InputError(
            f"operation '{operation}'", "is not in costs.yaml", f"state work in {', '.join(self.operations)}"
        )

    def seconds(self, operations: Mapping[str, float]) -> float:
        """Processor time of operations by name."""
        return sum(amount * self.rate(name).seconds for name, amount in operations.items())

    def limit_minutes(self, work: Work) -> int:
        """Time limit of a job, in minutes."""
        if work.limit_seconds is not None:
            return ceil(work.limit_seconds / 60)
        seconds = sum(amount * self.rate(name).limit_seconds for name, amount in work.most.items())
        return _START_MINUTES + ceil(seconds / work.cores / 60)

    @staticmethod
    def limit_megabytes(work: Work) -> int:
        """Memory limit of a job, in MB."""
        return ceil(_LIBRARIES + work.megabytes)


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


@cache
def read_costs(path: Path = COSTS_FILE) -> Costs:
    """Read a table of costs."""
    import yaml

    return Costs.model_validate(yaml.safe_load(path.read_text()))
