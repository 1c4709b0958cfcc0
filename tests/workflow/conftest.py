from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from job_table import count_jobs, kind_of

REPOSITORY = Path(__file__).resolve().parents[2]

Snakemake = Callable[..., subprocess.CompletedProcess[str]]
DryRun = Callable[..., str]
JobCounts = Callable[..., Counter[str]]


def run_snakemake(folder: Path, *arguments: str, timeout: int = 900) -> subprocess.CompletedProcess[str]:
    """Call the workflow with a working folder of its own; output of both streams in ``stdout``."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    return subprocess.run(
        [*command, "--directory", str(folder), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def config_file(name: str) -> tuple[str, str]:
    return "--configfile", str(REPOSITORY / f"config/{name}.yaml")


@dataclass(frozen=True)
class PlannedJob:
    """A job of a dry run."""

    rule: str
    wildcards: dict[str, str]
    input: list[str]
    output: list[str]
    log: list[str]
    benchmark: str | None
    threads: int
    resources: dict[str, int | str]

    @property
    def kind(self) -> str:
        """The rule, or what rules of batches have in common."""
        return kind_of(self.rule)


def planned(folder: Path, *arguments: str) -> list[PlannedJob]:
    """Jobs of a dry run, targets left out."""
    result = run_snakemake(folder, *arguments, "--dry-run")
    assert result.returncode == 0, result.stdout
    jobs = []
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", result.stdout, flags=re.MULTILINE):
        lines = dict(re.findall(r"^    (\w+): (.*)$", body, flags=re.MULTILINE))
        if "log" in lines:
            wildcards, resources = (
                dict(item.split("=", 1) for item in lines.get(key, "").split(", ") if "=" in item)
                for key in ("wildcards", "resources")
            )
            inputs, outputs, log = (
                [file for file in lines.get(key, "").split(", ") if file] for key in ("input", "output", "log")
            )
            numbers = {name: int(value) if value.isdigit() else value for name, value in resources.items()}
            threads = int(lines.get("threads", 1))
            jobs.append(PlannedJob(rule, wildcards, inputs, outputs, log, lines.get("benchmark"), threads, numbers))
    return jobs


def without_choices(folder: Path) -> tuple[str, str]:
    """Options for the demo without what it says of methods, plans and pages: the defaults, and what a test adds."""
    settings = yaml.safe_load((REPOSITORY / "config/demo.yaml").read_text())
    path = folder / "without-choices.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if k not in ("invert", "plan", "publish")}))
    return "--configfile", str(path)


@pytest.fixture
def snakemake(tmp_path: Path) -> Snakemake:
    return lambda *arguments: run_snakemake(tmp_path, *arguments)


@pytest.fixture
def dry_run(snakemake: Snakemake) -> DryRun:
    """Output of a dry run, which must succeed."""

    def run(*arguments: str) -> str:
        result = snakemake("--dry-run", *arguments)
        assert result.returncode == 0, result.stdout
        return result.stdout

    return run


@pytest.fixture
def job_counts(dry_run: DryRun) -> JobCounts:
    """Number of jobs of a dry run by kind."""
    # Snakemake's `--quiet` takes all words up to the next option.
    return lambda *arguments: count_jobs(dry_run(*arguments, "--quiet", "rules"))


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """A BraTS 2021 and a BraTS 2023 case whose images are empty files: enough for everything before a job runs."""
    root = tmp_path / "brats"
    for case, separator, names in (
        ("BraTS2021_00001", "_", ("t1", "t1ce", "t2", "flair", "seg")),
        ("BraTS-GLI-00002-000", "-", ("t1n", "t1c", "t2w", "t2f", "seg")),
    ):
        (root / case).mkdir(parents=True)
        for name in names:
            (root / case / f"{case}{separator}{name}.nii.gz").touch()
    return root
