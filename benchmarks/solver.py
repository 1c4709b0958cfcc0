"""Speed and accuracy of the forward solvers side by side, as ratios to a straight numpy scheme in one run.

Run with ``make bench`` or ``python benchmarks/solver.py --out DIR``: prints tables and writes ``solver.parquet`` and
``solver.png``. Cases: `medium` of the public toolkit's outputs on their anatomy where that data lies beside the
checkout, else the same theta in the embedded atlas, 1 mm; then draws of the preset `paper`. On a machine with a CUDA
device it also times one tumour and batches there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gliofit.atlas.model import load_atlas
from gliofit.atlas.prepare import prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.io import read_volume
from gliofit.core.tissue import Tissue
from gliofit.figures.axes import label_log_axis
from gliofit.figures.colours import BLUE, GREEN, ORANGE, SKY, VERMILION
from gliofit.figures.style import TEXT, TWO_COLUMNS, figure_style, letter_panel, save_picture
from gliofit.growth.fisher_kolmogorov import theta_of_rates
from gliofit.growth.theta import Theta
from gliofit.simulate.sampler import draw_parameters
from gliofit.simulate.settings import PRESETS
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.backends import choose_backend, numba_rows
from gliofit.solver.backends.base import Growth
from gliofit.solver.domain import domain_of
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.settings import AccurateSettings, ToolkitSettings
from numpy_scheme import solve_numpy

MEDIUM = (12.8, 3.8)
CONVERGED = AccurateSettings(tolerance=1e-5, active=1e-20)
SOLVERS = {
    "accurate": AccurateSolver(),
    "accurate, tolerance 1e-2": AccurateSolver(AccurateSettings(tolerance=1e-2)),
    "accurate, tolerance 3e-4": AccurateSolver(AccurateSettings(tolerance=3e-4)),
    "reference": ReferenceSolver(ToolkitSettings().scheme),
}


def anatomy() -> tuple[Tissue, NDArray[np.float64], str]:
    """Tissue at 1 mm, seed voxel of the medium case, and what they are."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    if (shared / "solver" / "cases.json").is_file():
        labels = next((shared / "atlas").glob("*.nii.gz"))
        facts = json.loads((shared / "solver" / "cases.json").read_text())["medium"]
        return Tissue.from_labels(read_volume(labels, np.uint8)), np.array(facts["seed_voxel"], float), "toolkit's"
    with tempfile.TemporaryDirectory() as folder:
        prepare_atlas(AtlasSettings(), Path(folder))
        tissue = load_atlas(Path(folder)).tissue
    labels = np.argwhere(tissue.wm > 0.5)
    seed = labels[np.abs(labels - np.array(tissue.grid.shape) * [0.35, 0.5, 0.6]).sum(axis=1).argmin()]
    return tissue, seed.astype(float), "embedded atlas"


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def median_seconds(work: Callable[[], Any], repeat: int) -> float:
    """Median wall time, after one call that compiles and fills caches."""
    work()
    return statistics.median(seconds(work) for _ in range(repeat))


def compare(tissue: Tissue, theta: Theta, case: str, numpy_steps: int, repeat: int) -> list[dict[str, Any]]:
    """All solvers and the numpy scheme on one tumour: seconds, ratio, error against the converged solution."""
    exact = AccurateSolver(CONVERGED).solve(tissue, theta).concentration
    inside = tissue.mask
    solutions = {name: solver.solve(tissue, theta) for name, solver in SOLVERS.items()}
    times: dict[str, list[float]] = {name: [] for name in SOLVERS}
    slow: list[float] = []
    for _ in range(repeat):
        begin = time.perf_counter()
        taken = solve_numpy(tissue, theta, steps_at_most=numpy_steps).steps
        slow.append((time.perf_counter() - begin) / taken * solutions["reference"].steps)
        for name, solver in SOLVERS.items():
            times[name].append(seconds(lambda s=solver: s.solve(tissue, theta)))
    rows = []
    for name, solution in [*solutions.items(), ("numpy", solutions["reference"])]:
        # The numpy scheme's field is the reference's to 3e-7 (tests/numerics), so they share the error.
        own = slow if name == "numpy" else times[name]
        error = (solution.concentration - exact)[inside].astype(float)
        rows.append(
            {
                "benchmark": "solve", "case": case, "solver": name, "mu_d_mm": theta.mu_d_mm, "mu_rho": theta.mu_rho,
                "steps": solution.steps, "seconds": statistics.median(own),
                "ratio": statistics.median(s / f for s, f in zip(slow, own, strict=True)),
                "mse": float((error**2).mean()), "max_error": float(np.abs(error).max()),
            }
        )  # fmt: skip
    return rows


def preset_thetas(tissue: Tissue, count: int) -> list[Theta]:
    """Thetas of preset ``paper``, each for the time at which its stopping volume was reached."""
    thetas = []
    for _, row in draw_parameters(tissue, PRESETS["paper"], 10 * count, 7).iterrows():
        origin = (row["origin_x_mm"], row["origin_y_mm"], row["origin_z_mm"])
        planned = theta_of_rates(origin, row["diffusivity_mm2_per_day"], row["proliferation_per_day"], 100.0)
        try:
            solution = AccurateSolver(AccurateSettings(tolerance=1e-2)).solve(
                tissue, planned, stopping_volume_mm3=float(row["stopping_volume_mm3"])
            )
        except SeedOutsideTissueError:
            continue
        if solution.final_time_days > 0:
            thetas.append(planned.at_fraction(solution.final_time_days / 100.0))
        if len(thetas) == count:
            break
    return thetas


@numba.njit(parallel=True)
def _copy(source: NDArray, target: NDArray) -> None:
    for part in numba.prange(64):
        begin, end = part * len(source) // 64, (part + 1) * len(source) // 64
        one, other = source[begin:end], target[begin:end]
        for k in range(len(other)):
            other[k] = one[k]


def bandwidth(tissue: Tissue, repeat: int) -> list[dict[str, Any]]:
    """Bytes that the stages of one Strang step must move, per second, against a copy of as much memory."""
    domain = domain_of(tissue)
    seed = np.where(domain.inside, np.float32(0.5), np.float32(0))[None]
    tumour = numba_rows.NumbaTumour(domain, seed, Growth(*MEDIUM), 0.0)
    tumour.attempt(0.1)
    stored = tumour.state.shape[1]
    source, target = np.ones(4 * stored, np.float32), np.zeros(4 * stored, np.float32)
    copied = 8 * len(source) / median_seconds(lambda: _copy(source, target), repeat)
    rows = [{"benchmark": "bandwidth", "case": "copy", "gb_per_second": copied / 1e9, "share": 1.0}]
    stages = numba_rows.rkl2(0.1 * MEDIUM[0] ** 2 * tumour.spectral_bound).stages
    # Per voxel and stage: read c and the last but one, write the new, three faces; before and after, three fields each.
    moved = 4 * tumour.voxels * (6 * stages + 6)
    deepest = numba_rows._DEEPEST
    for name, depth in (("stages one by one", 1), (f"stages {deepest} at a time", deepest)):
        numba_rows._DEEPEST = depth
        took = median_seconds(lambda: tumour.strang(tumour.state, tumour.one, 0.01, 0.1, 0.01), repeat)
        rows.append(
            {"benchmark": "bandwidth", "case": name, "gb_per_second": moved / took / 1e9,
             "share": moved / took / copied}
        )  # fmt: skip
    numba_rows._DEEPEST = deepest
    return rows


def scaling(tissue: Tissue, theta: Theta, repeat: int) -> list[dict[str, Any]]:
    """Seconds by number of cores at 1 mm, and by voxel size on all of them."""
    rows = []
    granted = numba.get_num_threads()
    for cores in sorted({1, 2, 4, 8, 16, granted} & set(range(1, granted + 1))):
        numba.set_num_threads(cores)
        took = median_seconds(lambda: AccurateSolver().solve(tissue, theta), repeat)
        rows.append({"benchmark": "cores", "case": f"{cores}", "cores": cores, "seconds": took})
    numba.set_num_threads(granted)
    for factor in (1, 2, 4):
        coarse = tissue.coarsen(factor)
        took = median_seconds(lambda c=coarse: AccurateSolver().solve(c, theta), repeat)
        rows.append({"benchmark": "spacing", "case": f"{factor} mm", "spacing_mm": float(factor), "seconds": took})
    return rows


def tangents(tissue: Tissue, theta: Theta, repeat: int) -> list[dict[str, Any]]:
    """Cost of all five tangents over the plain solve, in turn."""
    rows = []
    for factor in (1, 2):
        coarse, solver = tissue.coarsen(factor), AccurateSolver()
        works: list[Callable[[], Any]] = [
            lambda c=coarse, s=solver: s.solve(c, theta),
            lambda c=coarse, s=solver: s.solve_with_tangents(c, theta),
            lambda c=coarse, s=solver: s.solve_with_tangents(c, theta, exact=False),
        ]
        for work in works:
            work()
        times = [[seconds(work) for work in works] for _ in range(repeat)]
        for index, name in ((1, "exact"), (2, "of the fine steps")):
            rows.append(
                {
                    "benchmark": "tangents", "case": f"{factor} mm, {name}",
                    "seconds": statistics.median(row[index] for row in times),
                    "ratio": statistics.median(row[index] / row[0] for row in times),
                }
            )  # fmt: skip
    return rows


def cuda(tissue: Tissue, theta: Theta, repeat: int) -> list[dict[str, Any]]:
    """One tumour and batches in a cube of 128 mm at 1 mm on the device."""
    if choose_backend("auto") != "triton":
        return []
    centre = theta.origin_voxel(tissue.grid).round().astype(int)
    cube = tissue.extract(centre - 64, (128, 128, 128))
    solver = AccurateSolver(AccurateSettings(backend="triton"))
    plain = AccurateSolver(AccurateSettings(backend="numba")).solve(cube, theta).concentration
    rows = []
    for batch in (1, 8, 32):
        found = solver.solve_batch(cube, [theta] * batch)[-1].concentration
        took = median_seconds(lambda b=batch: solver.solve_batch(cube, [theta] * b), repeat)
        rows.append(
            {
                "benchmark": "cuda", "case": f"batch of {batch}", "seconds": took, "tumours_per_second": batch / took,
                "max_error": float(np.abs(found - plain).max()),
            }
        )  # fmt: skip
    return rows


def draw(table: pd.DataFrame, path: Path, title: str) -> None:
    """Speed against error (large: medium, small: preset paper), bandwidth, and scaling by cores at 1 mm and voxels."""
    colours = dict(zip([*SOLVERS, "numpy"], (BLUE, SKY, GREEN, ORANGE, VERMILION), strict=True))
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, 2.5), layout="constrained")
        axes = figure.subplots(1, 3)
        for name, rows in table[table.benchmark == "solve"].groupby("solver", sort=False):
            for marker, those in (("o", rows[rows.case == "medium"]), (".", rows[rows.case != "medium"])):
                axes[0].loglog(
                    those.seconds, np.sqrt(those.mse), marker, color=colours[name], ms=6 if marker == "o" else 4,
                    label=name if marker == "o" else None,
                )  # fmt: skip
        axes[0].set(xlabel="time per solve (s)", ylabel="RMS error of c in tissue (no unit)")
        figure.legend(loc="outside lower left", ncols=len(colours))
        rows = table[table.benchmark == "bandwidth"]
        axes[1].barh(rows.case, rows.gb_per_second, color=BLUE)
        axes[1].set(xlabel="memory moved (GB/s)")
        axes[1].invert_yaxis()
        rows = table[table.benchmark.isin(["cores", "spacing"])]
        axes[2].barh(
            [
                f"{c} core{'s' if c != '1' else ''}" if b == "cores" else c
                for b, c in zip(rows.benchmark, rows.case, strict=True)
            ],
            rows.seconds,
            color=[BLUE if b == "cores" else GREEN for b in rows.benchmark],
        )
        axes[2].set(xlabel="time per solve (s)", xscale="log", xlim=(0.01, 1))
        label_log_axis(axes[2].xaxis)
        axes[2].invert_yaxis()
        for panel, letter in zip(axes, "abc", strict=True):
            letter_panel(panel, letter)
        figure.suptitle(title, fontsize=TEXT)
        save_picture(figure, path, 150)


def main() -> None:
    """Run all benchmarks in one process, print them, write Parquet and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numpy-steps", type=int, default=12, help="numpy steps timed per repetition")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--preset-draws", type=int, default=6, help="tumours of preset paper, at 1 mm")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    arguments = parser.parse_args()
    tissue, seed, which = anatomy()
    theta = Theta.from_voxel(seed, *MEDIUM, grid=tissue.grid)
    rows = compare(tissue, theta, "medium", arguments.numpy_steps, arguments.repeat)
    for index, drawn in enumerate(preset_thetas(tissue, arguments.preset_draws)):
        rows += compare(tissue, drawn, f"paper-{index}", arguments.numpy_steps, max(1, arguments.repeat // 2))
    rows += bandwidth(tissue, arguments.repeat)
    rows += scaling(tissue, theta, arguments.repeat)
    rows += tangents(tissue, theta, arguments.repeat)
    rows += cuda(tissue, theta, arguments.repeat)
    table = pd.DataFrame(rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {numba.get_num_threads()} threads; anatomy: {which}"
    table["machine"] = machine
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_parquet(arguments.out / "solver.parquet")
    draw(table, arguments.out / "solver.png", machine)
    print(machine)
    for benchmark, some in table.groupby("benchmark", sort=False):
        print(f"\n{benchmark}")
        print(some.drop(columns=["benchmark", "machine"]).dropna(axis=1, how="all").to_string(
            index=False, float_format=lambda v: f"{v:.3g}"
        ))  # fmt: skip
    preset = table[(table.benchmark == "solve") & table.case.str.startswith("paper")]
    print("\npreset paper, medians over", preset.case.nunique(), "tumours")
    print(preset.groupby("solver", sort=False)[["seconds", "ratio", "mse"]].median().to_string(
        float_format=lambda v: f"{v:.3g}"
    ))  # fmt: skip


if __name__ == "__main__":
    main()
