"""Time of surrogates against the solver: one forward pass and one gradient of the loss, as ratios in one run.

Run with ``python benchmarks/surrogates.py models/guided-unet --out DIR``: prints a Markdown table and writes
``surrogates.parquet``. Every surrogate predicts the tumour of ``solver.py`` (mu_D 12.8 mm, mu_rho 3.8) in the embedded
atlas, on the cube and voxels that it was trained for; the solver grows it on the same cube and in the whole brain at
the same voxels. What depends on the tissue alone is computed once (``Surrogate.bind``) and timed by itself. The
gradient is that of the mean squared error by theta: backward through the surrogate, or the solver's five tangents
contracted with the residual. ``--full`` adds a cube of 128 voxels of 1 mm with an untrained network of the paper's
size. On a machine with a CUDA device everything is timed there as well.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from gliofit.atlas.model import load_atlas
from gliofit.atlas.prepare import prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.core.crop import Crop, CropSettings
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.backends import choose_backend
from gliofit.solver.settings import AccurateSettings
from gliofit.train.architecture import find_architecture
from gliofit.train.normalisation import Normalisation
from gliofit.train.surrogate import Surrogate, frame_of, load_surrogate, to_device
from solver import MEDIUM, seconds

#: Widths of the paper's network, and its cube.
PAPER_WIDTHS = (32, 64, 128, 256, 512)
PAPER_CROP = CropSettings(size=128, spacing_mm=1.0)

#: What each quantity is compared with: the same of the solver on the cube.
SOLVER, BRAIN = "solver, cube", "solver, whole brain"


@dataclass(frozen=True)
class Work:
    """One thing to time: of which model, on which device, what it computes."""

    model: str
    device: str
    what: str
    run: Callable[[], Any]


def anatomy() -> tuple[Tissue, Theta]:
    """The embedded atlas at 1 mm and a tumour in its white matter."""
    with tempfile.TemporaryDirectory() as folder:
        prepare_atlas(AtlasSettings(), Path(folder))
        tissue = load_atlas(Path(folder)).tissue
    white = np.argwhere(tissue.wm > 0.5)
    seed = white[np.abs(white - np.array(tissue.grid.shape) * [0.35, 0.5, 0.6]).sum(axis=1).argmin()]
    return tissue, Theta.from_voxel(seed.astype(float), *MEDIUM, grid=tissue.grid)


def untrained(crop: CropSettings, device: str) -> Surrogate:
    """ConvNeXt U-Net of the paper's size with random weights: its time is that of a trained one."""
    normalisation = Normalisation(
        np.array([0, 0, 0, *MEDIUM]), np.array([10.0, 10.0, 10.0, 5.0, 1.0]), np.full(5, -1e3), np.full(5, 1e3)
    )
    values = {"widths": PAPER_WIDTHS}
    network = find_architecture("convnext-unet").build(values, frame_of(crop, "maps", normalisation), seed=0)
    model = Surrogate(network, normalisation, crop)
    return to_device(model.requires_grad_(False), device).eval()


def of_surrogate(
    name: str, surrogate: Surrogate, device: str, crop: Crop, tissue: Tissue, theta: Theta, target: NDArray[np.float32]
) -> list[Work]:
    """Forward pass, gradient and binding of a surrogate."""
    maps = torch.from_numpy(crop.channels(tissue)[None]).to(device)
    observed = torch.from_numpy(target)[None].to(device)
    relative = theta.to_array() - np.array([*crop.centre_mm, 0.0, 0.0])
    point = torch.from_numpy(relative).float()[None].to(device)

    def finished(result: Any) -> Any:
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    with torch.no_grad():
        predict = surrogate.bind(maps)

    @torch.no_grad()
    def bind() -> Any:
        return finished(surrogate.bind(maps))

    @torch.no_grad()
    def forward() -> Any:
        return finished(predict(point))

    def gradient() -> Any:
        free = point.clone().requires_grad_(True)
        return finished(torch.autograd.grad((predict(free) - observed).square().mean(), free)[0])

    return [
        Work(name, device, "forward", forward), Work(name, device, "gradient", gradient),
        Work(name, device, "bind", bind),
    ]  # fmt: skip


def of_solver(name: str, device: str, tissue: Tissue, theta: Theta) -> list[Work]:
    """A run of the solver, and one with the gradient of a loss, by exact tangents and by those of the fine steps."""
    solver = AccurateSolver(AccurateSettings(backend={"cpu": "numba", "cuda": "triton"}[device]))

    def gradient(exact: bool) -> NDArray[Any]:
        found = solver.solve_with_tangents(tissue, theta, exact=exact)
        # Any residual takes the same time.
        residual = found.domain.from_grid(found.solution.concentration)
        return found.box_tangents.reshape(5, -1) @ residual.ravel()

    works = [
        Work(name, device, "forward", lambda: solver.solve(tissue, theta)),
        Work(name, device, "gradient", lambda: gradient(True)),
    ]
    if device == "cpu":
        # Triton always extrapolates the tangents too.
        works.append(Work(name, device, "gradient, tangents of the fine steps", lambda: gradient(False)))
    return works


def compare(works: list[Work], cube: str, repeat: int) -> list[dict[str, Any]]:
    """Median seconds of each work, all in turn, and ratio to the solver on the cube on the same device."""
    for work in works:
        work.run()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeat):
        for work, own in zip(works, times, strict=True):
            own.append(seconds(work.run))
    solver = {
        (work.device, work.what): own for work, own in zip(works, times, strict=True) if work.model == SOLVER
    }  # fmt: skip
    rows = []
    for work, own in zip(works, times, strict=True):
        # A device without the solver is compared with the solver on the CPU.
        kind = work.what.partition(",")[0]
        against = solver.get((work.device, kind)) or solver.get(("cpu", kind))
        ratio = statistics.median(s / o for s, o in zip(against, own, strict=True)) if against else np.nan
        rows.append(
            {
                "benchmark": "surrogates", "cube": cube, "model": work.model, "device": work.device, "what": work.what,
                "seconds": statistics.median(own), "solver_over_own": ratio,
            }
        )  # fmt: skip
    return rows


def works_of_cube(settings: CropSettings, names: list[str], tissue: Tissue, theta: Theta) -> list[Work]:
    """Everything that is timed on one cube; a name is a folder, or empty for the untrained network."""
    crop = Crop.around(tissue.grid, np.array(theta.origin_mm), settings)
    cube = crop.tissue(tissue)
    target = AccurateSolver(AccurateSettings(backend="numba")).solve(cube, theta).concentration.astype(np.float32)
    brain = tissue.coarsen(crop.factor)
    works = []
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for name in names:
            surrogate = load_surrogate(name, device) if name else untrained(settings, device)
            label = Path(name).name if name else "convnext-unet, paper's size, untrained"
            works += of_surrogate(label, surrogate, device, crop, tissue, theta, target)
        if device == "cpu" or choose_backend("auto") == "triton":
            works += of_solver(SOLVER, device, cube, theta) + of_solver(BRAIN, device, brain, theta)
    return works


def markdown(table: pd.DataFrame) -> str:
    """The rows as a pipe table."""
    lines = ["| cube | model | device | what | seconds | solver / own |", "| --- | --- | --- | --- | ---: | ---: |"]
    for row in table.itertuples():
        ratio = "" if np.isnan(row.solver_over_own) else f"{row.solver_over_own:.3g}"
        lines.append(f"| {row.cube} | {row.model} | {row.device} | {row.what} | {row.seconds:.3g} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    """Time all surrogates in one process, print a table, write Parquet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("surrogates", nargs="*", help="folders of trained surrogates")
    parser.add_argument("--full", action="store_true", help="also 128^3 of 1 mm, with an untrained network")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=numba.get_num_threads(), help="threads on the CPU")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    arguments = parser.parse_args()
    if not arguments.surrogates and not arguments.full:
        parser.error("name a surrogate's folder, or --full")
    torch.set_num_threads(arguments.threads)
    numba.set_num_threads(arguments.threads)
    # Surrogates of one cube are timed in turn with one another and with the solver.
    cubes: dict[tuple[int, float], list[str]] = {}
    for folder in arguments.surrogates:
        crop = load_surrogate(folder).crop
        cubes.setdefault((crop.size, crop.spacing_mm), []).append(folder)
    if arguments.full:
        cubes.setdefault((PAPER_CROP.size, PAPER_CROP.spacing_mm), []).append("")
    tissue, theta = anatomy()
    rows = []
    for (size, spacing), names in cubes.items():
        works = works_of_cube(CropSettings(size=size, spacing_mm=spacing), names, tissue, theta)
        rows += compare(works, f"{size}³ of {spacing:g} mm", arguments.repeat)
    table = pd.DataFrame(rows)
    device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads{device}; anatomy: embedded atlas"
    )
    table["machine"] = machine
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_parquet(arguments.out / "surrogates.parquet")
    print(machine, f"medians of {arguments.repeat} repetitions", sep="; ")
    print(f"\n{markdown(table)}")
    print("\nsolver / own: the solver's time for the same on the same cube and device, over this one (above 1: faster)")


if __name__ == "__main__":
    main()
