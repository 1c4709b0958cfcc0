"""Time, machine and software of a run, from sidecars and benchmarks of its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from gliofit.core.sidecars import sidecars


@dataclass(frozen=True)
class RunRecord:
    """Record of a run's jobs; several sorted values if they differ.

    Parameters
    ----------
    jobs
        Number of jobs (cases, where a job has several) with a record.
    devices, versions
        Models of the processors and GPUs; versions of gliofit, Python and libraries by name.
    revisions
        Git commits; those with uncommitted changes end in ``-dirty``.
    started, finished
        Start of the first job and end of the last one; None if not recorded.
    """

    jobs: int
    devices: tuple[str, ...]
    versions: dict[str, tuple[str, ...]]
    revisions: tuple[str, ...]
    started: datetime | None
    finished: datetime | None


def read_run_record(run: str | Path, leave_out: str = "") -> RunRecord:
    """Read all sidecars of ``results/{run}`` except those of the rule ``leave_out``."""
    jobs, devices, revisions, starts, ends = 0, set(), set(), [], []
    versions: dict[str, set[str]] = {}
    for record in sidecars(Path(run)):
        if record["rule"] == leave_out:
            continue
        jobs += 1
        devices.add(str(record["device"]))
        revisions.add(record["code"]["revision"] + ("-dirty" if record["code"]["dirty"] else ""))
        for name, version in record["versions"].items():
            versions.setdefault(name, set()).add(version)
        starts.append(datetime.fromisoformat(record["started"]))
        ends.append(starts[-1] + timedelta(seconds=record["wall_seconds"]))
    return RunRecord(
        jobs, tuple(sorted(devices)), {name: tuple(sorted(versions[name])) for name in sorted(versions)},
        tuple(sorted(revisions)), min(starts, default=None), max(ends, default=None),
    )  # fmt: skip


def stage_times(run: str | Path, leave_out: str = "") -> pd.DataFrame:
    """Read time and memory by stage from ``results/{run}/benchmarks``, except those of the rule ``leave_out``.

    Processor time of all jobs, longest wall time and largest memory of a job. Very short jobs have no numbers.
    """
    folder = Path(run) / "benchmarks"
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        stage, rule, *_ = path.relative_to(folder).with_suffix("").parts
        if rule != leave_out:
            table = pd.read_csv(path, sep="\t", na_values=["NA", "-"])
            numbers = table[["cpu_time", "s", "max_rss"]].apply(pd.to_numeric, errors="coerce")
            rows.append([stage, *numbers.iloc[-1]])
    table = pd.DataFrame(rows, columns=["stage", "cpu_seconds", "longest_seconds", "memory_mb"])
    stages = table.groupby("stage", sort=True).agg(
        jobs=("stage", "size"), cpu_seconds=("cpu_seconds", "sum"), longest_seconds=("longest_seconds", "max"),
        memory_mb=("memory_mb", "max"),
    )  # fmt: skip
    return stages.reset_index()
