"""Costs of a run by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gliofit.pipeline.estimate.costs import FAR, START_SECONDS, Costs
from gliofit.pipeline.estimate.dry_run import PlannedJob
from gliofit.pipeline.job import STAGE_VERSIONS


@dataclass(frozen=True)
class StageEstimate:
    """Costs of a stage.

    Parameters
    ----------
    cpu_seconds
        Processor time of all jobs, including Snakemake's.
    seconds
        Wall time of the stage on the given cores.
    bytes
        Disk space.
    megabytes
        Largest memory of a job.
    """

    stage: str
    jobs: int
    cpu_seconds: float
    seconds: float
    bytes: float
    megabytes: float


@dataclass(frozen=True)
class Estimate:
    """Costs of a run."""

    stages: tuple[StageEstimate, ...]
    cores: int
    machine: str
    slowness: float
    #: Kinds of jobs and operations without measurements, whose costs are guesses.
    not_measured: tuple[str, ...]
    #: Kinds of jobs with many more operations than measured.
    far: tuple[str, ...]

    @property
    def total(self) -> StageEstimate:
        """Sum of all stages, an upper bound because stages overlap."""
        return StageEstimate(
            "total",
            sum(stage.jobs for stage in self.stages),
            sum(stage.cpu_seconds for stage in self.stages),
            sum(stage.seconds for stage in self.stages),
            sum(stage.bytes for stage in self.stages),
            max(stage.megabytes for stage in self.stages),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the estimate for JSON."""
        return asdict(self) | {"total": asdict(self.total)}

    def text(self) -> str:
        """Return the estimate as a text table."""
        lines = [f"{'stage':10} {'jobs':>7} {'CPU':>9} {'time':>9} {'disk':>9} {'memory of a job':>16}"]
        lines += [
            f"{stage.stage:10} {stage.jobs:7d} {_time(stage.cpu_seconds):>9} {_time(stage.seconds):>9} "
            f"{_size(stage.bytes):>9} {_size(stage.megabytes * 2**20):>16}"
            for stage in (*self.stages, self.total)
        ]
        lines.append(f"time on {self.cores} core(s), {self.slowness:.2g} times that of {self.machine}; without a GPU")
        if self.not_measured:
            lines.append(f"not measured, guessed from other kinds of jobs: {', '.join(self.not_measured)}")
        if self.far:
            lines.append(f"more than {FAR:g} times the work that was measured: {', '.join(self.far)}")
        return "\n".join(lines)


def estimate_run(jobs: Sequence[PlannedJob], cores: int, costs: Costs, slowness: float = 1.0) -> Estimate:
    """Predict the costs of a run.

    Parameters
    ----------
    jobs
        Jobs of the run.
    cores
        Number of cores of the run.
    costs
        The table of costs.
    slowness
        Run time on this machine relative to that of the table.
    """
    unknown = dict.fromkeys(job.kind for job in jobs if not costs.kind(job.kind)[1])
    far: dict[str, None] = {}
    for job in jobs:
        for operation, amount in job.work.most.items():
            most = costs.rate(operation).most
            if most == 0 and amount > 0:
                unknown[operation] = None
            elif amount > FAR * most * job.units:
                far[job.kind] = None
    stages = [stage for stage in STAGE_VERSIONS if any(job.stage == stage for job in jobs)]
    return Estimate(
        tuple(_stage(name, [job for job in jobs if job.stage == name], cores, costs, slowness) for name in stages),
        cores,
        costs.machine,
        slowness,
        tuple(unknown),
        tuple(kind for kind in far if kind not in unknown),
    )


def _stage(name: str, jobs: list[PlannedJob], cores: int, costs: Costs, slowness: float) -> StageEstimate:
    seconds = [_seconds(job, cores, costs, slowness) for job in jobs]
    longest = max(one / min(cores, job.threads) for one, job in zip(seconds, jobs, strict=True))
    kinds = [costs.kind(job.kind)[0] for job in jobs]
    return StageEstimate(
        name,
        len(jobs),
        sum(seconds),
        max(sum(seconds) / cores, longest),
        sum(job.units * kind.bytes[0] + job.work.size * kind.bytes[1] for job, kind in zip(jobs, kinds, strict=True)),
        max(kind.megabytes for kind in kinds),
    )


def _seconds(job: PlannedJob, cores: int, costs: Costs, slowness: float) -> float:
    """Return the processor time of a job."""
    seconds = slowness * (costs.kind(job.kind)[0].seconds + costs.seconds(job.work.usual))
    if job.work.budget_seconds is not None:
        seconds = min(seconds, job.work.budget_seconds * min(cores, job.threads))
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
