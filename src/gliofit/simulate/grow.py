"""Grow one drawn tumour and describe it by the theta that it really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gliofit.crop import centre_of_mass_mm
from gliofit.grid import Volume
from gliofit.labels import TissueLabel
from gliofit.solver.base import AbstractForwardSolver
from gliofit.theta import DURATION_DAYS, Theta
from gliofit.tissue import Tissue

__all__ = ["Sample", "grow_sample", "theta_of", "truth_row"]


@dataclass(frozen=True, eq=False)
class Sample:
    """A grown tumour: its concentration (zero outside grey and white matter) and its row of the truth table."""

    concentration: Volume
    row: dict[str, Any]


def theta_of(row: pd.Series | dict[str, Any]) -> Theta:
    """Theta of a row of a truth table."""
    origin = (row["origin_x_mm"], row["origin_y_mm"], row["origin_z_mm"])
    return Theta(origin, row["mu_d_mm"], row["mu_rho"])


def truth_row(
    theta: Theta, volume: Volume, diffusivity: float, proliferation: float, final_time_days: float, volume_mm3: float
) -> dict[str, Any]:
    """Columns every truth table has for one tumour; origin in world mm and in voxels of the volume's grid."""
    x, y, z = theta.origin_mm
    i, j, k = theta.origin_voxel(volume.grid)
    return {
        "origin_x_mm": x, "origin_y_mm": y, "origin_z_mm": z, "origin_i": i, "origin_j": j, "origin_k": k,
        "mu_d_mm": theta.mu_d_mm, "mu_rho": theta.mu_rho, "diffusivity_mm2_per_day": diffusivity,
        "proliferation_per_day": proliferation, "final_time_days": final_time_days, "volume_mm3": volume_mm3,
    }  # fmt: skip


def grow_sample(tissue: Tissue, drawn: pd.Series, solver: AbstractForwardSolver) -> Sample:
    """Grow a drawn tumour until its stopping volume or 100 days, whichever is first.

    Parameters
    ----------
    tissue
        Brain to grow in.
    drawn
        A row of ``draw_parameters``.
    solver
        Forward solver.

    Returns
    -------
    The sample. ``mu_d_mm`` and ``mu_rho`` are those of the time really grown; the centre of mass is that of the
    concentration in grey and white matter, and is stored because crops are centred on it.
    """
    origin = (drawn["origin_x_mm"], drawn["origin_y_mm"], drawn["origin_z_mm"])
    diffusivity, proliferation = float(drawn["diffusivity_mm2_per_day"]), float(drawn["proliferation_per_day"])
    planned = Theta.from_growth(origin, diffusivity, proliferation, DURATION_DAYS)
    solution = solver.solve(tissue, planned, stopping_volume_mm3=float(drawn["stopping_volume_mm3"]))
    theta = planned.at_fraction(solution.final_time_days / DURATION_DAYS)
    field = np.where(tissue.labels >= TissueLabel.GREY_MATTER, np.clip(solution.concentration, 0, 1), 0)
    concentration = Volume(field.astype(np.float32), tissue.grid)
    row: dict[str, Any] = {"sample": int(drawn["sample"]), "seed": int(drawn["seed"])}
    row |= truth_row(theta, concentration, diffusivity, proliferation, solution.final_time_days, solution.volume_mm3)
    row |= {"stopping_volume_mm3": float(drawn["stopping_volume_mm3"]), "stopped_by": solution.stopped_by}
    # A seed in a sliver of tissue that the label map calls CSF leaves nothing to centre on: fall back to the origin.
    has_mass = bool(field.any())
    com = centre_of_mass_mm(concentration) if has_mass else np.array(origin)
    row |= dict(zip(("com_x_mm", "com_y_mm", "com_z_mm"), com.tolist(), strict=True))
    return Sample(concentration, row)
