"""Create the table of costs from finished runs: ``python -m tools.measure_costs RESULTS_DIR --config CONFIG``.

Reads Snakemake's benchmark files and the sizes of results. Runs of different sizes are needed to separate fixed costs
of jobs from those of operations: repeat ``--run CONFIG RESULTS_DIR``. Limits and entries without measurements are
unchanged.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import atomic_path
from gliofit.pipeline.config import read_config
from gliofit.pipeline.estimate.costs import (
    COSTS_FILE,
    Costs,
    KindCost,
    Line,
    calibration_seconds,
    read_costs,
)
from gliofit.pipeline.estimate.dry_run import PlannedJob, plan_jobs
from gliofit.pipeline.job import device_name

_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Measured:
    """Measured job: processor time, peak memory, and disk space."""

    job: PlannedJob
    seconds: float
    megabytes: float
    bytes: int


def measure_run(config: Path, results: Path, jobs: Sequence[PlannedJob] | None = None) -> list[Measured]:
    """Read the costs of finished jobs of a run.

    Parameters
    ----------
    config
        Configuration of the run.
    results
        Folder ``results/{run}``, or a copy of it.
    jobs
        Jobs of the run; default: from Snakemake.

    Raises
    ------
    InputError
        If the run has no benchmark files.
    """
    settings = read_config(config)
    planned = plan_jobs(_ROOT, settings, config, 2) if jobs is None else jobs
    root = f"results/{settings.run}"
    measured = [item for job in planned if (item := _measure(job, root, results)) is not None]
    if not measured:
        raise InputError(results, f"contains no benchmarks of jobs of {config}", "use the folder results/{run}")
    return measured


def _measure(job: PlannedJob, root: str, results: Path) -> Measured | None:
    files = [results / Path(path).relative_to(root) for path in job.files]
    benchmark = results / Path(job.benchmark).relative_to(root)
    if not benchmark.is_file():
        return None
    row = pd.read_csv(benchmark, sep="\t", na_values="NA").iloc[0]
    # Very short jobs have no numbers; jobs limited by a time budget have no rate.
    if pd.isna(row["cpu_time"]) or row["s"] > 0.9 * (job.work.budget_seconds or float("inf")):
        return None
    sidecars = [path.with_name(f"{path.name}.json") for path in files]
    size = sum(path.stat().st_size for path in (*files, *sidecars) if path.is_file())
    return Measured(job, float(row["cpu_time"]), float(row["max_rss"]), size)


def table_of_costs(runs: dict[str, list[Measured]], machine: str, calibration: float, base: Costs) -> Costs:
    """Fit costs of kinds of jobs and operations to the measurements of all runs.

    Parameters
    ----------
    runs
        Measurements of every run by its name.
    machine
        Processor of the measurements.
    calibration
        Result of ``calibration_seconds`` there.
    base
        Table with limits, and entries without measurements.
    """
    items = [item for measured in runs.values() for item in measured]
    names = sorted({item.job.kind for item in items})
    operations = sorted({name for item in items for name, amount in item.job.work.usual.items() if amount > 0})
    fixed, rates = _fit(items, names, operations)
    kinds = {
        name: _kind([item for item in items if item.job.kind == name], seconds)
        for name, seconds in zip(names, fixed, strict=True)
    }
    fitted = {
        name: base.rate(name).model_copy(update={
            "seconds": seconds, "most": _rounded(max(i.job.work.most.get(name, 0.0) / i.job.units for i in items))
        })
        for name, seconds in zip(operations, rates, strict=True)
    }  # fmt: skip
    return Costs(
        machine=machine,
        calibration_seconds=_rounded(calibration),
        runs=tuple(runs),
        operations=base.operations | fitted,
        kinds=dict(sorted((base.kinds | kinds).items())),
    )


def _fit(items: list[Measured], kinds: list[str], operations: list[str]) -> tuple[list[float], list[float]]:
    """Fit non-negative seconds of kinds and operations by least squares of relative errors."""
    from scipy.optimize import nnls

    columns = np.zeros((len(items), len(kinds) + len(operations)))
    for row, item in zip(columns, items, strict=True):
        row[kinds.index(item.job.kind)] = 1.0
        for name, amount in item.job.work.usual.items():
            if amount > 0:
                row[len(kinds) + operations.index(name)] = amount
    seconds = np.array([item.seconds for item in items])
    # Columns of one size, so that the solver's tolerance is the same for all.
    sizes = columns.max(axis=0)
    scale = seconds.copy()
    for _ in range(10):
        # Relative to the fit, since errors relative to the values would be biased.
        scale = np.maximum(scale, 1e-2)
        solution, _residual = nnls(columns / sizes / scale[:, None], seconds / scale)
        scale = columns / sizes @ solution
    found = [_rounded(value) for value in solution / sizes]
    return found[: len(kinds)], found[len(kinds) :]


def _kind(items: list[Measured], seconds: float) -> KindCost:
    return KindCost(
        jobs=len(items),
        seconds=seconds,
        bytes=_line([(item.job.work.size / item.job.units, item.bytes / item.job.units) for item in items]),
        megabytes=max(item.megabytes for item in items),
    )


def _line(points: list[tuple[float, float]]) -> Line:
    """Fit a line with non-negative intercept and slope; the slope is zero for a single size."""
    from scipy.optimize import nnls

    size, values = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    largest = float(size.max())
    if np.ptp(size) <= 1e-9 * max(largest, 1e-9):
        # Sizes are those of volumes.
        mean = float(values.mean())
        return (0.0, _rounded(mean / largest)) if largest > 0 else (_rounded(mean), 0.0)
    solution, _residual = nnls(np.stack([np.ones_like(size), size / largest], axis=1), values)
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
    table = table_of_costs(measured, f"{device_name()}, {os.cpu_count()} cores", calibration_seconds(), read_costs())
    with atomic_path(_arguments().out) as temporary:
        temporary.write_text(
            "# Made by `python -m tools.measure_costs` from finished runs; docs/workflow.md says how.\n"
            + yaml.safe_dump(table.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=120)
        )
    print(f"wrote {_arguments().out}: {len(table.kinds)} kinds of jobs, {len(table.operations)} operations")
