"""Add up what the jobs of a run cost, by stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gliofit.pipeline.config import Config
from gliofit.pipeline.estimate.costs import FAR, START_SECONDS, Costs
from gliofit.pipeline.estimate.jobs import Jobs, plan_jobs

__all__ = ["Estimate", "StageEstimate", "estimate_run"]


@dataclass(frozen=True)
class StageEstimate:
    """What a stage costs.

    Parameters
    ----------
    cpu_seconds
        Processor time of all jobs, with what Snakemake takes to start them.
    seconds
        Time until the stage is done on the cores there are.
    bytes
        What it leaves on disk.
    megabytes
        Memory of its largest job.
    """

    stage: str
    jobs: int
    cpu_seconds: float
    seconds: float
    bytes: float
    megabytes: float


@dataclass(frozen=True)
class Estimate:
    """What a run costs."""

    stages: tuple[StageEstimate, ...]
    cores: int
    machine: str
    slowness: float
    #: Kinds of jobs that the table of costs does not have, whose numbers are those of others of their rule.
    not_measured: tuple[str, ...]
    #: Kinds of jobs with much more work than those that were measured.
    far: tuple[str, ...]

    @property
    def total(self) -> StageEstimate:
        """All stages together; one after the other, which overlapping stages do better than."""
        return StageEstimate(
            "total",
            sum(stage.jobs for stage in self.stages),
            sum(stage.cpu_seconds for stage in self.stages),
            sum(stage.seconds for stage in self.stages),
            sum(stage.bytes for stage in self.stages),
            max(stage.megabytes for stage in self.stages),
        )

    def as_json(self) -> dict[str, Any]:
        """The estimate as JSON holds it."""
        return asdict(self) | {"total": asdict(self.total)}

    def text(self) -> str:
        """A table for people."""
        lines = [f"{'stage':10} {'jobs':>7} {'CPU':>9} {'time':>9} {'disk':>9} {'memory of a job':>16}"]
        lines += [
            f"{stage.stage:10} {stage.jobs:7d} {_time(stage.cpu_seconds):>9} {_time(stage.seconds):>9} "
            f"{_size(stage.bytes):>9} {_size(stage.megabytes * 2**20):>16}"
            for stage in (*self.stages, self.total)
        ]
        lines.append(f"time on {self.cores} core(s), {self.slowness:.2g} times that of {self.machine}; without a GPU")
        if self.not_measured:
            lines.append(f"not measured, and guessed from other kinds of jobs: {', '.join(self.not_measured)}")
        if self.far:
            lines.append(f"more than {FAR:g} times the work that was measured: {', '.join(self.far)}")
        return "\n".join(lines)


def estimate_run(config: Config, patients: int, cores: int, costs: Costs, slowness: float = 1.0) -> Estimate:
    """Predict what a run costs.

    Parameters
    ----------
    config
        The run's configuration.
    patients
        Number of patients (or phantoms).
    cores
        Cores that the run may use.
    costs
        The table of costs.
    slowness
        How much longer this machine takes than the one of the table.
    """
    groups = plan_jobs(config, patients)
    unknown = dict.fromkeys(jobs.key for jobs in groups if not costs.of(jobs)[1])
    far = dict.fromkeys(jobs.key for jobs in groups if jobs.work > FAR * costs.of(jobs)[0].work > 0)
    stages = dict.fromkeys(jobs.stage for jobs in groups)
    return Estimate(
        tuple(_stage(name, [jobs for jobs in groups if jobs.stage == name], cores, costs, slowness) for name in stages),
        cores,
        costs.machine,
        slowness,
        tuple(unknown),
        tuple(key for key in far if key not in unknown),
    )


def _stage(name: str, groups: list[Jobs], cores: int, costs: Costs, slowness: float) -> StageEstimate:
    seconds = {jobs: _seconds(jobs, cores, costs, slowness) for jobs in groups}
    total = sum(jobs.count * seconds[jobs] for jobs in groups)
    longest = max(seconds[jobs] / min(cores, jobs.threads) for jobs in groups)
    lines = [(jobs, costs.of(jobs)[0]) for jobs in groups]
    return StageEstimate(
        name,
        sum(jobs.count for jobs in groups),
        total,
        max(total / cores, longest),
        sum(jobs.count * jobs.cases * (cost.bytes[0] + cost.bytes[1] * jobs.size) for jobs, cost in lines),
        max(cost.megabytes for _, cost in lines),
    )


def _seconds(jobs: Jobs, cores: int, costs: Costs, slowness: float) -> float:
    """Processor time of one job."""
    fixed, slope = costs.of(jobs)[0].seconds
    seconds = slowness * jobs.cases * (fixed + slope * jobs.work)
    if jobs.limit_minutes is not None:
        seconds = min(seconds, 60 * jobs.limit_minutes * min(cores, jobs.threads))
    return seconds + slowness * START_SECONDS


def _time(seconds: float) -> str:
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}" if seconds / size >= 10 else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def _size(size: float) -> str:
    for limit, unit, step in ((1e6, "kB", 1e3), (1e9, "MB", 1e6), (1e12, "GB", 1e9)):
        if size < limit:
            return f"{size / step:.0f} {unit}" if size / step >= 10 else f"{size / step:.1f} {unit}"
    return f"{size / 1e12:.1f} TB"
