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
    """Costs of a stage."""

    stage: str
    jobs: int
    #: Processor time of all jobs, including Snakemake's.
    cpu_seconds: float
    #: Wall time on the given cores.
    seconds: float
    #: Disk space.
    bytes: float
    #: Largest memory of a job.
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
        sums = {
            name: sum(getattr(stage, name) for stage in self.stages)
            for name in ("jobs", "cpu_seconds", "seconds", "bytes")
        }
        return StageEstimate("total", **sums, megabytes=max(stage.megabytes for stage in self.stages))

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
    cores
        Number of cores of the run.
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
    stages = [[job for job in jobs if job.stage == name] for name in STAGE_VERSIONS]
    return Estimate(
        tuple(_stage(stage, cores, costs, slowness) for stage in stages if stage),
        cores, costs.machine, slowness,
        not_measured=tuple(unknown),
        far=tuple(kind for kind in far if kind not in unknown),
    )  # fmt: skip


def _stage(jobs: list[PlannedJob], cores: int, costs: Costs, slowness: float) -> StageEstimate:
    """Return the costs of the jobs of a stage."""
    seconds = [_seconds(job, cores, costs, slowness) for job in jobs]
    longest = max(one / min(cores, job.threads) for one, job in zip(seconds, jobs, strict=True))
    kinds = [costs.kind(job.kind)[0] for job in jobs]
    return StageEstimate(
        jobs[0].stage,
        len(jobs),
        cpu_seconds=sum(seconds),
        seconds=max(sum(seconds) / cores, longest),
        bytes=sum(j.units * kind.bytes[0] + j.work.size * kind.bytes[1] for j, kind in zip(jobs, kinds, strict=True)),
        megabytes=max(kind.megabytes for kind in kinds),
    )


def _seconds(job: PlannedJob, cores: int, costs: Costs, slowness: float) -> float:
    """Return the processor time of a job."""
    seconds = slowness * (costs.kind(job.kind)[0].seconds + costs.seconds(job.work.usual))
    if job.work.budget_seconds is not None:
        seconds = min(seconds, job.work.budget_seconds * min(cores, job.threads))
    return seconds + slowness * START_SECONDS


def _time(seconds: float) -> str:
    units = ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600))
    return _with_unit(seconds, units) or f"{seconds / 86_400:.0f} days"


def _size(size: float) -> str:
    units = ((1e6, "kB", 1e3), (1e9, "MB", 1e6), (1e12, "GB", 1e9))
    return _with_unit(size, units) or f"{size / 1e12:.1f} TB"


def _with_unit(value: float, units: Sequence[tuple[float, str, float]]) -> str:
    """Return a value in the first unit whose limit is above it; empty if there is none."""
    for limit, unit, step in units:
        if value < limit:
            return f"{value / step:.0f} {unit}" if value / step >= 10 else f"{value / step:.1f} {unit}"
    return ""
