"""Jobs of a run from Snakemake's dry run, with their work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.children import safe_children
from gliofit.core.errors import InputError
from gliofit.core.work import Work
from gliofit.pipeline.case_jobs import Batches
from gliofit.pipeline.config import Config
from gliofit.pipeline.plan import Plan


@dataclass(frozen=True)
class PlannedJob:
    """Job of a run.

    Parameters
    ----------
    kind
        Kind in the table of costs.
    units
        Number of cases, or estimates of cases.
    files
        Output files, log and benchmark.
    """

    stage: str
    kind: str
    units: int
    threads: int
    files: tuple[str, ...]
    benchmark: str
    work: Work


def plan_jobs(
    root: Path, config: Config, configfile: Path, cores: int, options: Sequence[str] = ()
) -> list[PlannedJob]:
    """Return all jobs of a run, including finished ones.

    Parameters
    ----------
    root
        Folder of the clone.
    config, configfile
        The configuration of the run, and its file.
    options
        Further options of Snakemake that change ``config``.

    Raises
    ------
    InputError
        If Snakemake cannot plan the run.
    """
    plan = Plan(config, cores)
    batches = Batches(plan)
    jobs = []
    for job in _dry_run(root, configfile, cores, options):
        # Targets have no benchmark.
        if job["benchmark"] is None:
            continue
        rule, wildcards, benchmark = job["rule_name"], job["wildcards"] or {}, job["benchmark"]
        batch = batches.by_name.get(rule)
        if batch is None:
            kind, units = batches.workload.kind(rule, wildcards), 1
            work = batches.workload.of(rule, wildcards)
        else:
            kind, units, work = f"{batch.rule} {batch.kind}".strip(), len(batch.units), batch.work
        stage = Path(benchmark).relative_to(f"{plan.files.root}/benchmarks").parts[0]
        files = (*job["output"], *job["log"], benchmark)
        jobs.append(PlannedJob(stage, kind, units, job["threads"], files, benchmark, work))
    return jobs


def _dry_run(root: Path, configfile: Path, cores: int, options: Sequence[str]) -> list[dict[str, Any]]:
    """Return the records of planned jobs from the logger plugin."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.jsonl"
        command = [
            sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--configfile", str(configfile),
            "--cores", str(cores), "--dry-run", "--forceall", "--nolock", "--workflow-profile", "none",
            "--logger", "gliofit-jobs", "--logger-gliofit-jobs-file", str(file), *options,
        ]  # fmt: skip
        with safe_children():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = file.read_text().splitlines() if file.is_file() else []
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise InputError(configfile, "Snakemake cannot plan this run", reason[-1] if reason else "call snakemake -n")
    return [json.loads(line) for line in lines]
