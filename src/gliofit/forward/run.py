"""Forward simulation of an estimated theta at the case's full resolution."""

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


@dataclass(frozen=True, eq=False)
class ForwardResult:
    """Concentration on the case's grid, zero outside grey and white matter, and its row of ``forward.parquet``."""

    concentration: Volume
    row: dict[str, Any]


def _result(field: Volume | None, tissue: Tissue, integrator: str, **values: Any) -> ForwardResult:
    """Clip a field to [0, 1], mask it by tissue and complete its row; without a field both are empty."""
    data = np.zeros(tissue.grid.shape, np.float32)
    if field is not None:
        data = np.where(tissue.visible, np.clip(field.data, 0, 1), 0).astype(np.float32)
    row = {
        "status": "ok", "message": "", "integrator": integrator, "steps": 0, "error_estimate": np.nan,
        "final_time_days": np.nan, "volume_mm3": np.nan, "wall_seconds": np.nan,
    }  # fmt: skip
    return ForwardResult(Volume(data, tissue.grid), row | values)


def simulate_estimate(
    tissue: Tissue, theta: Theta, settings: ForwardSettings, progress: OnProgress = no_progress
) -> ForwardResult:
    """Simulate the tumour of ``theta``; status ``failed`` if its seed lies outside tissue."""
    integrator = settings.integrator.name
    solver = make_solver(settings.integrator)
    begin = time.perf_counter()
    try:
        solution = solver.solve(tissue, theta, progress=progress)
    except SeedOutsideTissueError as error:
        return _result(None, tissue, integrator, status="failed", message=str(error))
    return _result(
        solution.volume, tissue, integrator, wall_seconds=time.perf_counter() - begin, steps=solution.steps,
        error_estimate=np.nan if solution.error_estimate is None else solution.error_estimate,
        final_time_days=solution.final_time_days, volume_mm3=solution.volume_mm3,
    )  # fmt: skip


def wrap_field(tissue: Tissue, concentration: Volume) -> ForwardResult:
    """Wrap a concentration that a method estimated directly; ``integrator`` is then ``none``."""
    result = _result(concentration, tissue, "none", wall_seconds=0.0)
    total = float(result.concentration.data.sum(dtype=np.float64))
    return ForwardResult(result.concentration, result.row | {"volume_mm3": total * tissue.grid.voxel_volume_mm3})


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
    """Simulate one estimate; write ``concentration.nii.gz`` and ``forward.parquet``.

    The table has one row with ``run cohort case method seed status message integrator steps error_estimate
    final_time_days volume_mm3 wall_seconds``; ``error_estimate`` is ``Solution.error_estimate``, NaN without one.

    Parameters
    ----------
    case_dir
        Case folder with the tissue.
    parameters
        Parquet with one row: ``parameters.parquet`` of an inversion or ``truth.parquet``.
    out_dir
        Output folder.
    settings, tissue_kind
        Integrator and kind of tissue maps.
    run, cohort, case, method, seed
        Labels of the row.
    prefix
        Prefix of the parameter columns: ``other_`` reads the rejected candidate of a hybrid method.
    field
        Concentration that a method estimated directly; it replaces the simulation.

    Raises
    ------
    InputError
        If the table lacks these columns or does not have exactly one row.
    """
    row, theta = read_estimate(parameters, prefix)
    tissue = Tissue.load(case_dir, tissue_kind)
    if field is not None and row["status"] != "failed":
        result = wrap_field(tissue, read_volume(field, np.float32).oriented_like(tissue.grid))
    elif theta is not None:
        result = simulate_estimate(tissue, theta, settings)
    else:
        reason = row.get("message", "")
        message = f"no estimate: {reason}" if reason else "no estimate"
        result = _result(None, tissue, settings.integrator.name, status="failed", message=message)
    write_volume(out_dir / "concentration.nii.gz", result.concentration, CONCENTRATION)
    labels = {"run": run, "cohort": cohort, "case": case, "method": method, "seed": seed}
    write_table(out_dir / "forward.parquet", pd.DataFrame([labels | result.row]))
