"""Run the solver once more with an estimated theta, at the case's full resolution."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Volume
from gliofit.core.header import CONCENTRATION
from gliofit.core.io import read_volume, write_table, write_volume
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.invert.estimate import read_estimate
from gliofit.solver.registry import make_solver

__all__ = ["FinalRun", "final_field", "final_run", "run_forward"]


@dataclass(frozen=True, eq=False)
class FinalRun:
    """Concentration on the case's grid (zero outside grey and white matter) and what the run says of itself."""

    concentration: Volume
    row: dict[str, Any]


def _empty(tissue: Tissue, settings: ForwardSettings, message: str) -> FinalRun:
    """A run that could not be made: an all-zero volume, and a row that says so and why."""
    volume = Volume(np.zeros(tissue.grid.shape, np.float32), tissue.grid)
    row = {
        "status": "failed", "message": message, "integrator": settings.integrator.name, "steps": 0,
        "error_estimate": np.nan, "final_time_days": np.nan, "volume_mm3": np.nan, "wall_seconds": np.nan,
    }  # fmt: skip
    return FinalRun(volume, row)


def final_run(tissue: Tissue, theta: Theta, settings: ForwardSettings, progress: OnProgress = no_progress) -> FinalRun:
    """Grow the tumour of ``theta`` on ``tissue``; a seed outside tissue gives a row with status ``failed``."""
    solver = make_solver(settings.integrator)
    begin = time.perf_counter()
    try:
        solution = solver.solve(tissue, theta, progress=progress)
    except SeedOutsideTissueError as error:
        return _empty(tissue, settings, str(error))
    seconds = time.perf_counter() - begin
    row = {
        "status": "ok", "message": "", "integrator": settings.integrator.name, "steps": solution.steps,
        "error_estimate": np.nan if solution.error_estimate is None else solution.error_estimate,
        "final_time_days": solution.final_time_days, "volume_mm3": solution.volume_mm3, "wall_seconds": seconds,
    }  # fmt: skip
    return FinalRun(_in_tissue(solution.volume, tissue), row)


def final_field(tissue: Tissue, concentration: Volume) -> FinalRun:
    """The concentration that a method estimated itself, in place of a run; ``integrator`` is then ``none``."""
    found = _in_tissue(concentration, tissue)
    row = {
        "status": "ok", "message": "", "integrator": "none", "steps": 0, "error_estimate": np.nan,
        "final_time_days": np.nan,
        "volume_mm3": float(found.data.sum(dtype=np.float64)) * tissue.grid.voxel_volume_mm3, "wall_seconds": 0.0,
    }  # fmt: skip
    return FinalRun(found, row)


def _in_tissue(concentration: Volume, tissue: Tissue) -> Volume:
    """Values between 0 and 1, zero outside grey and white matter."""
    field = np.where(tissue.visible, np.clip(concentration.data, 0, 1), 0)
    return Volume(field.astype(np.float32), tissue.grid)


def run_forward(
    case_dir: Path,
    parameters: Path,
    out_dir: Path,
    settings: ForwardSettings,
    tissue_kind: TissueKind,
    *,
    run: str,
    cohort: str,
    case: str,
    method: str,
    seed: int,
    prefix: str = "",
    field: Path | None = None,
) -> None:
    """Final run for one estimate; writes ``concentration.nii.gz`` and ``forward.parquet``.

    The table has one row: who (``run cohort case method seed``), ``status message``, the ``integrator``, its ``steps``
    and ``error_estimate`` (``Solution.error_estimate``, NaN for integrators without one), ``final_time_days
    volume_mm3 wall_seconds``.

    Parameters
    ----------
    case_dir
        Case folder with the tissue.
    parameters
        Parquet with one row: an inversion's ``parameters.parquet`` or a ``truth.parquet``.
    out_dir
        Where to write.
    settings, tissue_kind
        Integrator, and which tissue maps to grow in.
    run, cohort, case, method, seed
        What the row is called.
    prefix
        Prefix of the columns to read: ``other_`` reads the candidate that a hybrid method did not choose.
    field
        Concentration that a method estimated itself; it is taken over in place of a run, also where there is a theta.

    Raises
    ------
    InputError
        If the table has no such columns or not exactly one row.
    """
    row, theta = read_estimate(parameters, prefix)
    # Truth tables of synthetic cases live on simulated, not on probability tissue; both read the same folder.
    tissue = Tissue.load(case_dir, tissue_kind)
    if field is not None and row["status"] != "failed":
        result = final_field(tissue, read_volume(field, np.float32).oriented_like(tissue.grid))
    elif theta is not None:
        result = final_run(tissue, theta, settings)
    else:
        reason = row.get("message", "")
        result = _empty(tissue, settings, f"no estimate: {reason}" if reason else "no estimate")
    write_volume(out_dir / "concentration.nii.gz", result.concentration, CONCENTRATION)
    names_row = {"run": run, "cohort": cohort, "case": case, "method": method, "seed": seed}
    write_table(out_dir / "forward.parquet", pd.DataFrame([names_row | result.row]))
