"""Time, machine and software of a run, from sidecars and benchmarks of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
    """Read all sidecars of ``results/{run}`` except those of one rule."""
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
    """Read time and memory by stage from ``results/{run}/benchmarks``, except those of one rule.

    Processor time of all jobs, longest wall time and largest memory of a job. Very short jobs have no numbers.
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
