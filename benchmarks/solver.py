"""Speed of the reference integrator as a ratio to a straight numpy version of the same scheme, in one run.

Run with ``make bench`` or ``python benchmarks/solver.py``. Prints one line per case and writes JSON with ``--out``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from gliofit.atlas.prepare import load_atlas, prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.io import write_json
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.settings import ReferenceSettings
from gliofit.theta import Theta
from numpy_scheme import solve_numpy

CASES = {"small": (6.0, 3.0), "medium": (12.8, 3.8), "sharp": (3.0, 5.0)}


def main() -> None:
    """Time both versions in turn, three times each, and print the median ratio per step and per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numpy-steps", type=int, default=25, help="numpy steps timed per repetition")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        prepare_atlas(AtlasSettings(), Path(folder))
        tissue = load_atlas(Path(folder)).tissue
    labels = np.argwhere(tissue.wm > 0.5)
    seed = labels[np.abs(labels - np.array(tissue.grid.shape) * [0.35, 0.5, 0.6]).sum(axis=1).argmin()]
    solver = ReferenceSolver(ReferenceSettings.parity())
    results = {}
    for name, (mu_d, mu_rho) in CASES.items():
        theta = Theta.from_voxel(seed, mu_d, mu_rho, tissue.grid)
        solution = solver.solve(tissue, theta)  # compiles and fills the caches
        ratios, fast_seconds = [], []
        for _ in range(arguments.repeat):
            begin = time.perf_counter()
            _, taken = solve_numpy(tissue, theta, steps_at_most=arguments.numpy_steps)
            slow = (time.perf_counter() - begin) / taken * solution.steps
            begin = time.perf_counter()
            solver.solve(tissue, theta)
            fast_seconds.append(time.perf_counter() - begin)
            ratios.append(slow / fast_seconds[-1])
        results[name] = {
            "mu_d_mm": mu_d, "mu_rho": mu_rho, "steps": solution.steps,
            "seconds_median": statistics.median(fast_seconds),
            "speedup_median": statistics.median(ratios), "speedup_minimum": min(ratios),
        }  # fmt: skip
        row = results[name]
        print(
            f"{name:8s} {solution.steps:5d} steps  {row['seconds_median']:.2f} s  "
            f"{row['speedup_median']:.0f} times as fast as numpy (lowest of {arguments.repeat}: "
            f"{row['speedup_minimum']:.0f})"
        )
    if arguments.out:
        write_json(arguments.out, results)


if __name__ == "__main__":
    main()
