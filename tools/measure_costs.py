"""Make the table of costs from finished runs: ``python -m tools.measure_costs RESULTS_DIR --config CONFIG``.

Reads the benchmark files that Snakemake wrote and the sizes of results. Runs of different sizes together tell what a
job takes in any case from what its work takes, so name several: ``--run CONFIG RESULTS_DIR`` once for each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import atomic_path
from gliofit.pipeline.config import read_config
from gliofit.pipeline.estimate.costs import COSTS_FILE, Cost, Costs, Line, calibration_seconds
from gliofit.pipeline.estimate.jobs import Jobs, plan_jobs
from gliofit.pipeline.job import device_name

__all__ = ["Measured", "measure_run", "table_of_costs"]

#: What a job takes at least where runs of one size alone cannot tell: starting Python, and a log.
_STARTING_SECONDS, _STARTING_BYTES = 1.0, 5e3


@dataclass(frozen=True)
class Measured:
    """Jobs of one kind in one run: seconds of each, and bytes of each on average; per case, where they have several."""

    jobs: Jobs
    seconds: list[float]
    megabytes: float
    bytes: float


def measure_run(config: Path, results: Path) -> list[Measured]:
    """What the jobs of a run took, as far as they are finished.

    Raises
    ------
    InputError
        If the run has no benchmark files.
    """
    settings = read_config(config)
    patients = len([path for path in results.glob("register/patients/*") if path.is_dir()])
    found = [measured for jobs in plan_jobs(settings, patients) if (measured := _measure(jobs, results)) is not None]
    if not found:
        raise InputError(results, f"holds no benchmarks of jobs of {config}", "name the folder results/{run}")
    return found


def _measure(jobs: Jobs, results: Path) -> Measured | None:
    place = f"{jobs.stage}/{jobs.rule}/{jobs.benchmarks}" if jobs.benchmarks else f"{jobs.stage}/{jobs.rule}"
    files = [*results.glob(f"benchmarks/{place}.tsv")]
    rows = [pd.read_csv(path, sep="\t", na_values="NA").iloc[0] for path in files]
    # A job that ends within a moment has no numbers.
    rows = [row for row in rows if pd.notna(row["cpu_time"])]
    # Nor does one that its time limit ended tell how long its work takes.
    limit = 60 * (jobs.limit_minutes or float("inf"))
    rows = [row for row in rows if row["s"] < 0.9 * limit]
    if not rows:
        return None
    written = [path for pattern in jobs.files for path in results.glob(pattern) if path.is_file()]
    written += [*results.glob(f"logs/{place}.log"), *files]
    return Measured(
        jobs,
        [float(row["cpu_time"]) / jobs.cases for row in rows],
        max(float(row["max_rss"]) for row in rows),
        sum(path.stat().st_size for path in written) / len(files) / jobs.cases,
    )


def table_of_costs(runs: dict[str, list[Measured]], machine: str, calibration: float) -> Costs:
    """A straight line for each kind of job through the measurements of all runs.

    Parameters
    ----------
    runs
        Measurements of every run by its name.
    machine
        Processor that they were measured on.
    calibration
        What ``calibration_seconds`` gives there.
    """
    kinds: dict[str, list[Measured]] = {}
    for measured in (item for items in runs.values() for item in items):
        kinds.setdefault(measured.jobs.key, []).append(measured)
    return Costs(
        machine=machine,
        calibration_seconds=_rounded(calibration),
        runs=tuple(runs),
        costs={key: _cost(items) for key, items in sorted(kinds.items())},
    )


def _cost(items: list[Measured]) -> Cost:
    times = [(item.jobs.work, seconds) for item in items for seconds in item.seconds]
    return Cost(
        jobs=len(times),
        work=_rounded(max(work for work, _ in times)),
        seconds=_line(times, _STARTING_SECONDS),
        bytes=_line([(item.jobs.size, item.bytes) for item in items], _STARTING_BYTES),
        megabytes=max(item.megabytes for item in items),
    )


def _line(points: list[tuple[float, float]], at_least: float) -> Line:
    """Intercept and slope, neither negative, of the line with the least errors relative to it."""
    from scipy.optimize import nnls

    work, values = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    mean, largest = float(values.mean()), float(work.max())
    if largest == 0:
        return _rounded(mean), 0.0
    if np.ptp(work) <= 1e-9 * largest:
        return _rounded(min(mean, at_least)), _rounded(max(mean - at_least, 0.0) / largest)
    # Work in units of its largest value, so that both columns are alike.
    columns = np.stack([np.ones_like(work), work / largest], axis=1)
    scale = values
    for _ in range(10):
        # Relative to the line, since errors relative to the values would pull it below their mean.
        scale = np.maximum(scale, 1e-2 * values.max())
        solution, _residual = nnls(columns / scale[:, None], values / scale)
        scale = columns @ solution
    return _rounded(solution[0]), _rounded(solution[1] / largest)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.measure_costs", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", help="folder results/{run} of a finished run")
    parser.add_argument("--config", type=Path, help="its configuration [default: config/{run}.yaml]")
    parser.add_argument("--run", type=Path, nargs=2, action="append", default=[], metavar=("CONFIG", "RESULTS_DIR"))
    parser.add_argument("--out", type=Path, default=COSTS_FILE, help="table to write [default: the package's own]")
    return parser.parse_args()


def _runs(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    if options.results is not None:
        yield options.config or Path(f"config/{options.results.name}.yaml"), options.results
    yield from (tuple(pair) for pair in options.run)


if __name__ == "__main__":
    import os

    import yaml

    measured = {results.name: measure_run(config, results) for config, results in _runs(_arguments())}
    table = table_of_costs(measured, f"{device_name()}, {os.cpu_count()} cores", calibration_seconds())
    with atomic_path(_arguments().out) as temporary:
        temporary.write_text(
            "# Made by `python -m tools.measure_costs` from finished runs; docs/workflow.md says how.\n"
            + yaml.safe_dump(table.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=120)
        )
    print(f"wrote {_arguments().out}: {len(table.costs)} kinds of jobs")
