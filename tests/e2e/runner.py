"""Snakemake on one of the configurations beside this file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gliofit.pipeline.declared import VARIABLE
from job_table import count_jobs

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Runner:
    """Calls of Snakemake with a configuration and a time limit in seconds."""

    config: str
    timeout: int = 1500

    def succeed(self, folder: Path, *arguments: str) -> str:
        """Run it in a working folder; returns what it prints."""
        result = self(folder, *arguments)
        assert result.returncode == 0, result.stdout[-20_000:]
        return result.stdout

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it in a working folder; what it prints to stderr is in ``stdout`` as well."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--directory", str(folder), "--configfile", str(REPOSITORY / "tests/e2e" / self.config)]
        command += ["--cores", "2", *arguments]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=self.timeout, check=False,
            env=os.environ | {VARIABLE: "yes"},
        )  # fmt: skip

    def planned(self, folder: Path, *arguments: str) -> dict[str, int]:
        """Jobs by kind that a further call would run; rules that only collect are left out."""
        counts = count_jobs(self.succeed(folder, *arguments, "--dry-run", "--quiet", "rules"))
        return {name: count for name, count in counts.items() if not name.endswith(("all", "total"))}
