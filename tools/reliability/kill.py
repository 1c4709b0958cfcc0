"""Kill the workflow repeatedly, restart it, and compare the results with those of an undisturbed run.

Run with ``make kill-test`` or ``python -m tools.reliability.kill``. Every kill is SIGKILL to all processes of the run,
like a power cut. Kills happen in turn during the start of Snakemake, at random times, while a rule runs that has not
been killed yet, and while a file is written; they are spread over the jobs of the run. After each, all files with their
final names must be undamaged. Exit code 1 if anything is lost, damaged, left over or different in the end.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from gliofit.pipeline.verify import verify

from .compare import Comparison, compare
from .launch import SMOKE, Progress, Workplace, alive, kill

#: Ways to choose the moment of a kill.
KINDS = ("start", "writing", "time", "rule", "writing", "time", "rule")

#: Rules that are killed the first time they run.
FIRST = {"simulate_shard", "register_patient", "train_model"}

#: Longest wait for a rule or a file being written in seconds, before the run is killed anyway.
PATIENCE = 60.0


@dataclass
class Ordeal:
    """Result of a killed run.

    Parameters
    ----------
    moments
        Number of kills by kind of moment.
    rules
        Number of killed jobs by rule; ``-`` for kills without running job.
    mid_write
        Number of kills that left unfinished files.
    unfinished
        Unfinished files after the last kill.
    locks
        Number of kills that left Snakemake's lock.
    faults
        Descriptions of faults.
    comparison
        Comparison with the undisturbed run.
    """

    moments: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    mid_write: int = 0
    unfinished: set[Path] = field(default_factory=set)
    locks: int = 0
    faults: list[str] = field(default_factory=list)
    comparison: Comparison | None = None

    def __str__(self) -> str:
        rules = ", ".join(f"{rule} {count}" for rule, count in self.rules.most_common())
        moments = ", ".join(f"{count} by {kind}" for kind, count in self.moments.items())
        lines = [
            f"{self.moments.total()} kills ({moments})",
            f"killed jobs: {rules}",
            f"{self.mid_write} kills left unfinished files, {self.locks} a lock",
            str(self.comparison or "not compared"),
            f"{len(self.faults)} faults",
        ]
        return "\n".join(lines + [f"  {fault}" for fault in self.faults])


def endure(place: Workplace, undisturbed: Path, kills: int, seed: int) -> Ordeal:
    """Run the workflow in ``place`` with kills, then to its end; compare with the results ``undisturbed``.

    Parameters
    ----------
    place
        An empty working folder.
    undisturbed
        Results of an undisturbed run of the same configuration.
    kills
        Number of kills.
    seed
        Seed of the times of kills.
    """
    ordeal, generator, share = Ordeal(), random.Random(seed), 1
    for number, kind in zip(range(kills), cycle(KINDS), strict=False):
        log = place.folder / f"attempt-{number:02d}.log"
        place.folder.mkdir(parents=True, exist_ok=True)
        process = place.start(log)
        _wait_for_moment(process, kind, share, place, log, ordeal, generator)
        if process.poll() is not None:
            ordeal.faults.append(f"attempt {number + 1} ended by itself with {process.returncode}: {log}")
            break
        kill(process)
        progress = Progress.read(log)
        # Spread the remaining kills over the remaining jobs.
        share = max(1, (progress.total - len(progress.ended)) // (kills - number)) if progress.total else share
        _look_around(place, progress, kind, ordeal, number)
        if not _unlock(place, ordeal):
            break
    code, said = place.run()
    if code:
        ordeal.faults.append(f"the last run failed: {said[-2000:]}")
        return ordeal
    code, said = place.run("--dry-run")
    if "Nothing to be done" not in said:
        ordeal.faults.append("a further run would have jobs")
    ordeal.faults += [f"{d.path}: {d.problem}" for d in verify(place.results).damages]
    ordeal.faults += [f"left in the folder for temporary files: {name}" for name in place.strays()]
    ordeal.comparison = compare(undisturbed, place.results)
    ordeal.faults += ordeal.comparison.differences
    return ordeal


def _wait_for_moment(
    process: subprocess.Popen[bytes],
    kind: str,
    share: int,
    place: Workplace,
    log: Path,
    ordeal: Ordeal,
    generator: random.Random,
) -> None:
    """Wait until the time to kill, or the end of the run."""

    def seconds_pass(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(0.05)

    if kind == "start":
        return seconds_pass(generator.uniform(1, 10))
    while process.poll() is None:
        progress = Progress.read(log)
        if FIRST & progress.running.keys() - ordeal.rules.keys():
            return seconds_pass(generator.uniform(1, 10))
        if len(progress.ended) >= share:
            break
        time.sleep(0.2)
    if kind == "time":
        return seconds_pass(generator.uniform(0, 15))
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if kind == "writing":
            if set(place.unfinished()) - ordeal.unfinished:
                return None
            time.sleep(0.002)
        else:
            progress = Progress.read(log)
            if progress.running.keys() - ordeal.rules.keys():
                return seconds_pass(generator.uniform(0, 5))
            if len(progress.ended) >= 2 * share:
                return None
            time.sleep(0.2)


def _look_around(place: Workplace, progress: Progress, kind: str, ordeal: Ordeal, number: int) -> None:
    """Record the state after a kill."""
    running = progress.running or Counter({"-": 1})
    unfinished = set(place.unfinished())
    new = len(unfinished - ordeal.unfinished)
    ordeal.unfinished = unfinished
    ordeal.moments[kind] += 1
    ordeal.rules += running
    ordeal.mid_write += bool(new)
    done = f"{len(progress.ended)} of {progress.total} jobs done"
    print(f"kill {number + 1} ({kind}): {done}, cut off {', '.join(running)}; {new} files unfinished", flush=True)
    end = time.monotonic() + 10
    while alive(place.folder) and time.monotonic() < end:
        time.sleep(0.1)
    ordeal.faults += [f"kill {number + 1}: still alive: {command}" for command in alive(place.folder)]
    if place.results.is_dir():
        damages = verify(place.results, unfinished=False).damages
        ordeal.faults += [f"kill {number + 1}: {damage.path}: {damage.problem}" for damage in damages]


def _unlock(place: Workplace, ordeal: Ordeal) -> bool:
    """Remove Snakemake's lock as in its message; return whether that succeeded."""
    locks = place.folder / ".snakemake/locks"
    if not (locks.is_dir() and any(locks.iterdir())):
        return True
    if not ordeal.locks:
        code, said = place.run()
        if code == 0 or "--unlock" not in said:
            ordeal.faults.append("a rerun does not mention --unlock")
    ordeal.locks += 1
    code, said = place.run("--unlock")
    if code:
        ordeal.faults.append(f"--unlock failed: {said[-2000:]}")
    return code == 0


def main() -> int:
    """Run the test; exit code 1 if there are faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--config", type=Path, default=SMOKE)
    parser.add_argument("--undisturbed", type=Path, help="results of an existing undisturbed run")
    parser.add_argument("--keep", type=Path, help="working folder to keep")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="gliofit-kill-"))
    begin, undisturbed = time.monotonic(), options.undisturbed
    if undisturbed is None:
        plain = Workplace(folder / "undisturbed", options.config.resolve(), options.cores)
        code, said = plain.run()
        if code:
            print(said[-5000:])
            return 1
        undisturbed = plain.results
        print(f"undisturbed run: {(time.monotonic() - begin) / 60:.1f} min", flush=True)
    place = Workplace(folder / "killed", options.config.resolve(), options.cores)
    ordeal = endure(place, undisturbed, options.kills, options.seed)
    print(f"{ordeal}\n{(time.monotonic() - begin) / 60:.1f} min in all")
    if options.keep is None and not ordeal.faults:
        shutil.rmtree(folder)
    else:
        print(f"left in {folder}")
    return int(bool(ordeal.faults))


if __name__ == "__main__":
    sys.exit(main())
