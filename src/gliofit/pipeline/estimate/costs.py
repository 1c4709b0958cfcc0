"""Measured costs of operations and kinds of jobs (``costs.yaml``), and limits derived from them."""

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

COSTS_FILE = Path(__file__).with_name("costs.yaml")

#: Ratio of operations to the measured ones above which a forecast is reported as an extrapolation.
FAR = 10.0

#: Processor time of Snakemake per job, which benchmarks do not include.
START_SECONDS = 1.3

#: Minutes of a limit for start-up, imports and writing files on a slow disk.
_START_MINUTES = 15

#: Memory in MB of a limit for libraries.
_LIBRARIES = 1500

Line = tuple[float, float]


class Rate(Settings):
    """Cost of an operation on one core."""

    unit: str = Field(description="Definition of one operation.")
    seconds: float = Field(description="Processor time.")
    limit_seconds: float = Field(description="Value for limits, several times the mean (large tumours).")
    most: float = Field(0.0, description="Largest number in a measured job; 0: not measured.")


class KindCost(Settings):
    """Fixed costs of a kind of job."""

    jobs: int = Field(description="Number of measured jobs.")
    seconds: float = Field(description="Processor time in addition to the operations.")
    bytes: Line = Field(description="Disk space with log: per unit, and per unit of size.")
    megabytes: float = Field(description="Largest resident memory of a job.")


class Costs(Settings):
    """Table of costs with its origin."""

    machine: str = Field(description="Processor of the measurements.")
    calibration_seconds: float = Field(description="Result of `calibration_seconds` there.")
    runs: tuple[str, ...] = Field(description="Names of the measured runs.")
    operations: dict[str, Rate] = Field(description="Operations by name, see `Work`.")
    kinds: dict[str, KindCost] = Field(description="Kinds of jobs by rule and kind.")

    def kind(self, name: str) -> tuple[KindCost, bool]:
        """Return the cost of a kind of job, and whether it was measured.

        Unmeasured kinds cost as much as the most expensive kind of the rule, or the median of all kinds.
        """
        if name in self.kinds:
            return self.kinds[name], True
        rule = name.partition(" ")[0]
        alike = [cost for key, cost in self.kinds.items() if key.partition(" ")[0] == rule]
        ordered = sorted(alike or self.kinds.values(), key=lambda cost: cost.seconds)
        return ordered[-1 if alike else len(ordered) // 2], False

    def rate(self, operation: str) -> Rate:
        """Return the rate of an operation; for trainings of unknown architectures that of the slowest known one.

        Raises InputError if the operation is not in the table.
        """
        if operation in self.operations:
            return self.operations[operation]
        if operation.startswith("train-"):
            known = [rate for name, rate in self.operations.items() if name.startswith("train-")]
            return max(known, key=lambda rate: rate.seconds).model_copy(update={"most": 0.0})
        hint = f"state work in {', '.join(self.operations)}"
        raise InputError(f"operation '{operation}'", "is not in costs.yaml", hint)

    def seconds(self, operations: Mapping[str, float]) -> float:
        """Return the processor time of operations by name."""
        return sum(amount * self.rate(name).seconds for name, amount in operations.items())

    def limit_minutes(self, work: Work) -> int:
        """Return the time limit of a job in minutes."""
        if work.limit_seconds is not None:
            return ceil(work.limit_seconds / 60)
        seconds = sum(amount * self.rate(name).limit_seconds for name, amount in work.most.items())
        return _START_MINUTES + ceil(seconds / work.cores / 60)

    @staticmethod
    def limit_megabytes(work: Work) -> int:
        """Return the memory limit of a job in MB."""
        return ceil(_LIBRARIES + work.megabytes)


def calibration_seconds() -> float:
    """Measure the speed of this machine: smallest processor time of a fixed computation.

    Half of it is arithmetic on arrays larger than the cache, half is Python.
    """
    import numpy as np

    def seconds() -> float:
        begin = time.process_time()
        field = np.linspace(0.0, 1.0, 2_000_000, dtype=np.float32)
        for _ in range(10):
            field = field + 0.1 * field * (1 - field)
        total = 0
        for number in range(1_000_000):
            total += number % 7
        return time.process_time() - begin

    return min(seconds() for _ in range(5))


@cache
def read_costs(path: Path = COSTS_FILE) -> Costs:
    """Read a table of costs."""
    import yaml

    return Costs.model_validate(yaml.safe_load(path.read_text()))
