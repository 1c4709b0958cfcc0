"""Starting the workflow in a folder of its own, following it, and killing it."""

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
    """A working folder with a folder for temporary files of its own, so that what is left there is seen.

    Parameters
    ----------
    folder
        The working folder of Snakemake.
    configuration
        Which configuration to run.
    cores
        How many jobs at a time.
    targets
        What to ask for; everything if empty.
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
        """The results of the configuration's run."""
        return self.folder / "results" / self.configuration.stem

    @property
    def temporary(self) -> Path:
        """What jobs take for the system's folder of temporary files."""
        return self.folder / "tmp"

    def start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own, with its output in ``log``."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        source = os.pathsep.join([str(REPOSITORY / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--directory", str(self.folder), "--configfile", str(self.configuration)]
        # `Progress` reads what Snakemake says by itself.
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
        """Run Snakemake to its end; exit code and what it said."""
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
        """Files and folders of writers that did not come to an end."""
        return list(self.results.rglob(".tmp-*"))

    def strays(self) -> list[str]:
        """What gliofit left in the folder for temporary files; Snakemake and torch keep folders of their own there."""
        others = re.compile(r"snakemake|torchinductor_|[0-9a-f]{32}-pulp")
        return sorted(path.name for path in self.temporary.iterdir() if not others.match(path.name))


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all its children as a power cut would: at once, and without their knowing."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def alive(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder."""
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
    """What a log of Snakemake says: which jobs were begun, and which of them ended well.

    Parameters
    ----------
    begun
        Rule by number of the job.
    ended
        Numbers of the jobs that ended.
    total
        Jobs that were to be done.
    """

    begun: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    total: int = 0

    @classmethod
    def read(cls, log: Path) -> Progress:
        """Read a log, also one that is being written."""
        text = log.read_text(errors="replace")
        jobs = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)$", text, re.M)
        total = re.search(r"^total\s+(\d+)$", text, re.M)
        ended = set(re.findall(r"^Finished jobid: (\d+)", text, re.M))
        return cls({number: rule for rule, number in jobs}, ended, int(total[1]) if total else 0)

    @property
    def running(self) -> Counter[str]:
        """Number of running jobs by rule."""
        return Counter(rule for number, rule in self.begun.items() if number not in self.ended)
