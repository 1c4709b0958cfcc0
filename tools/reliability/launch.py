"""Start of the workflow in a separate folder, its progress, and kills."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SMOKE = REPOSITORY / "tests/e2e/smoke.yaml"


@dataclass(frozen=True)
class Workplace:
    """Working folder with a separate folder for temporary files, to detect left-over ones.

    Parameters
    ----------
    folder
        Working directory of Snakemake.
    configuration
        Configuration.
    cores
        Number of cores.
    targets
        Targets; all if empty.
    options
        Further arguments for Snakemake.
    """

    folder: Path
    configuration: Path = SMOKE
    cores: int = 2
    targets: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def results(self) -> Path:
        """Results folder of the run."""
        return self.folder / "results" / self.configuration.stem

    @property
    def temporary(self) -> Path:
        """Folder for temporary files of jobs."""
        return self.folder / "tmp"

    def start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own, with its output in ``log``."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        source = os.pathsep.join([str(REPOSITORY / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--directory", str(self.folder), "--configfile", str(self.configuration)]
        # `Progress` reads Snakemake's usual output.
        command += ["--logger-gliofit-full", "--cores", str(self.cores), *self.options, *arguments, *self.targets]
        with log.open("wb") as file:
            return subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": source, "TMPDIR": str(self.temporary)},
            )

    def run(self, *arguments: str, timeout: float = 7200) -> tuple[int, str]:
        """Run Snakemake to its end; return exit code and output."""
        log = self.folder / "snakemake.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        process = self.start(log, *arguments)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            kill(process)
            raise
        return code, log.read_text(errors="replace")

    def unfinished(self) -> list[Path]:
        """Find files and folders of interrupted writers."""
        return list(self.results.rglob(".tmp-*"))

    def strays(self) -> list[str]:
        """Find left-over temporary files of gliofit."""
        others = re.compile(r"snakemake|torchinductor_|[0-9a-f]{32}-pulp")
        return sorted(path.name for path in self.temporary.iterdir() if not others.match(path.name))


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all its children at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def alive(folder: Path) -> list[str]:
    """Return the command lines of processes in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(entry / "cwd")) == folder.resolve():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@dataclass
class Progress:
    """Progress of a run from Snakemake's log.

    Parameters
    ----------
    begun
        Rules of started jobs by number.
    ended
        Numbers of finished jobs.
    total
        Number of planned jobs.
    """

    begun: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    total: int = 0

    @classmethod
    def read(cls, log: Path) -> Progress:
        """Read a log, also while it is written."""
        text = log.read_text(errors="replace")
        jobs = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)$", text, re.M)
        total = re.search(r"^total\s+(\d+)$", text, re.M)
        ended = set(re.findall(r"^Finished jobid: (\d+)", text, re.M))
        return cls({number: rule for rule, number in jobs}, ended, int(total[1]) if total else 0)

    @property
    def running(self) -> Counter[str]:
        """Return the number of running jobs by rule."""
        return Counter(rule for number, rule in self.begun.items() if number not in self.ended)
