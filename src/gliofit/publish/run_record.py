"""When, where and with what a run was made, from the sidecars and benchmarks of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.core.sidecars import sidecars

__all__ = ["RunRecord", "read_run_record", "stage_times"]


@dataclass(frozen=True)
class RunRecord:
    """What the jobs of a run say of themselves; several values where they differ, sorted.

    Parameters
    ----------
    jobs
        Number of jobs (cases, where a job has several) with a record.
    devices, versions
        Models of the processors and GPUs; versions of gliofit, Python and libraries by name.
    revisions
        Commits of the clone; those with changes that were not committed end in ``-dirty``.
    started, finished
        When the first job began and the last one ended; None where nothing was recorded.
    """

    jobs: int
    devices: tuple[str, ...]
    versions: dict[str, tuple[str, ...]]
    revisions: tuple[str, ...]
    started: datetime | None
    finished: datetime | None


def read_run_record(run: str | Path, leave_out: str = "") -> RunRecord:
    """Read all sidecars of ``results/{run}`` but those of one rule."""
    records = [record for record in sidecars(Path(run)) if record["rule"] != leave_out]
    names = {name for record in records for name in record["versions"]}
    begins = [datetime.fromisoformat(record["started"]) for record in records]
    ends = [begin + timedelta(seconds=record["wall_seconds"]) for begin, record in zip(begins, records, strict=True)]
    return RunRecord(
        len(records),
        _each(str(record["device"]) for record in records),
        {name: _each(r["versions"][name] for r in records if name in r["versions"]) for name in sorted(names)},
        _each(_revision(record["code"]) for record in records),
        min(begins, default=None),
        max(ends, default=None),
    )


def _revision(code: dict[str, Any]) -> str:
    return f"{code['revision']}{'-dirty' if code['dirty'] else ''}"


def _each(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def stage_times(run: str | Path, leave_out: str = "") -> pd.DataFrame:
    """What the jobs of each stage took, from the files of ``results/{run}/benchmarks``, without those of one rule.

    Processor time of all jobs, the longest job by the clock and the most memory of one. Jobs that ended within a moment
    have no numbers and count as none.
    """
    folder = Path(run) / "benchmarks"
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        place = path.relative_to(folder)
        if leave_out not in (place.parts[1], place.with_suffix("").parts[1]):
            table = pd.read_csv(path, sep="\t", na_values=["NA", "-"])
            numbers = table[["cpu_time", "s", "max_rss"]].apply(pd.to_numeric, errors="coerce")
            rows.append([place.parts[0], *numbers.iloc[-1]])
    table = pd.DataFrame(rows, columns=["stage", "cpu_seconds", "longest_seconds", "memory_mb"])
    found = table.groupby("stage", sort=True).agg(
        jobs=("stage", "size"), cpu_seconds=("cpu_seconds", "sum"), longest_seconds=("longest_seconds", "max"),
        memory_mb=("memory_mb", "max"),
    )  # fmt: skip
    return found.reset_index()
