"""Forward simulation of an estimated theta at the case's full resolution, and the uncertainty of its concentration."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Volume
from gliofit.core.header import CONCENTRATION, DEVIATION
from gliofit.core.io import read_volume, write_table, write_volume
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.invert.estimate import read_estimate
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings, IntegratorSettings


class ForwardResult(NamedTuple):
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
    result.row["volume_mm3"] = float(result.concentration.data.sum(dtype=np.float64)) * tissue.grid.voxel_volume_mm3
    return result


def run_forward(
    case_dir: Path,
    parameters: Path,
    out_dir: Path,
    settings: ForwardSettings,
    tissue_kind: TissueKind,
    *,
    prefix: str = "",
    field: Path | None = None,
    **labels: str | int,
) -> None:
    """Simulate one estimate; write ``concentration.nii.gz`` and ``forward.parquet``.

    The table has one row with ``run cohort case method seed status message integrator steps error_estimate
    final_time_days volume_mm3 wall_seconds``; ``error_estimate`` is ``Solution.error_estimate``, NaN without one.

    Parameters
    ----------
    parameters
        Parquet with one row: ``parameters.parquet`` of an inversion or ``truth.parquet``.
    prefix
        Prefix of the parameter columns: ``other_`` reads the rejected candidate of a hybrid method.
    field
        Concentration that a method estimated directly; it replaces the simulation.
    labels
        First columns of the row: ``run``, ``cohort``, ``case``, ``method`` and ``seed``.

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
    write_table(out_dir / "forward.parquet", pd.DataFrame([labels | result.row]))


def concentration_deviation(
    tissue: Tissue, theta: Theta, covariance: NDArray[np.float64], settings: IntegratorSettings | None = None
) -> Volume:
    """Propagate the covariance of the coordinates of theta, shape (n, n), linearly to the concentration c.

    The tangents are those of the accurate solver with ``settings``, or with its default settings instead of those of a
    solver without tangents.

    Returns
    -------
    Volume
        sqrt(diag(J C J')) with the solver's tangents J, zero outside grey and white matter. At most sqrt(c (1 - c)),
        the largest standard deviation of a variable in [0, 1] with mean c, which linear propagation exceeds where the
        front is steep.

    Raises
    ------
    SeedOutsideTissueError
        If the seed of the estimate lies outside tissue.
    """
    solver = AccurateSolver(settings if isinstance(settings, AccurateSettings) else None)
    sensitivity = solver.solve_with_tangents(tissue, theta, exact=False)
    domain, tangents = sensitivity.domain, sensitivity.box_tangents
    # With C = R R' the variance is a sum of squares, which rounding cannot make negative.
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    units = theta.space.derivative(theta.to_array())
    roots = units[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    variance = np.zeros(domain.shape, tangents.dtype)
    for root in roots.T.astype(tangents.dtype):
        if root.any():
            variance += np.square(np.tensordot(root, tangents, axes=1))
    c = np.clip(domain.from_grid(sensitivity.solution.concentration), 0, 1)
    deviation = domain.to_grid(np.sqrt(np.minimum(variance, c * (1 - c))))
    deviation[~tissue.visible] = 0
    return Volume(deviation, tissue.grid)


def map_uncertainty(
    case_dir: Path, parameters: Path, out_path: Path, settings: ForwardSettings, tissue_kind: TissueKind
) -> None:
    """Write the standard deviation of c for one estimate in a ``parameters.parquet`` as NIfTI, float32.

    The map is zero if theta or its covariance is missing, or if the seed lies outside tissue.

    Raises
    ------
    InputError
        If the table does not have exactly one row with theta and ``covariance``.
    """
    row, theta = read_estimate(parameters, also=["covariance"])
    tissue = Tissue.load(case_dir, tissue_kind)
    deviation = Volume(np.zeros(tissue.grid.shape, np.float32), tissue.grid)
    covariance = row["covariance"]
    if theta is not None and isinstance(covariance, (list, np.ndarray)):
        try:
            matrix = np.asarray(covariance, dtype=float).reshape(len(theta.space), -1)
            deviation = concentration_deviation(tissue, theta, matrix, settings.integrator)
        except SeedOutsideTissueError:
            pass  # The forward simulation is zero, too; forward.parquet holds the reason.
    write_volume(out_path, deviation, DEVIATION)
