"""Simulation of one drawn tumour, and its ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE, theta_of_rates
from gliofit.growth.model import COLUMN, space_of
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.solver.base import Solution
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import IntegratorSettings

#: Columns of each tumour's centre of mass.
COM = ("com_x_mm", "com_y_mm", "com_z_mm")


@dataclass(frozen=True, eq=False)
class Sample:
    """A simulated tumour: its concentration (zero outside grey and white matter) and its row of the truth table."""

    concentration: Volume
    row: dict[str, Any]


def theta_of(row: pd.Series | dict[str, Any]) -> Theta:
    """Return theta of a row of a truth table."""
    space = space_of(row)
    return Theta.from_array([row[column] for column in space.columns], space)


def truth_row(
    theta: Theta,
    volume: Volume,
    diffusivity: float,
    proliferation: float,
    final_time_days: float,
    volume_mm3: float,
    integrator: str,
) -> dict[str, Any]:
    """Return the common columns of truth tables; the origin is in world mm and in voxels of the volume's grid."""
    i, j, k = theta.origin_voxel(volume.grid)
    return {
        COLUMN: theta.space.model, **theta.space.row(theta.to_array()), "origin_i": i, "origin_j": j, "origin_k": k,
        "diffusivity_mm2_per_day": diffusivity, "proliferation_per_day": proliferation,
        "final_time_days": final_time_days, "volume_mm3": volume_mm3, "integrator": integrator,
    }  # fmt: skip


def planned_theta(drawn: pd.Series) -> Theta:
    """Return theta of a drawn tumour that grows for 100 days."""
    space = space_of(drawn)
    origin = [drawn[column] for column in space.columns[:3]]
    others = [float(drawn[column]) for column in space.columns[len(SPACE) :]]
    return theta_of_rates(origin, *_rates(drawn), DURATION_DAYS, *others, space=space)


def _rates(drawn: pd.Series) -> tuple[float, float]:
    return float(drawn["diffusivity_mm2_per_day"]), float(drawn["proliferation_per_day"])


def describe_sample(tissue: Tissue, drawn: pd.Series, solution: Solution, integrator: str) -> Sample | None:
    """Make the sample of a drawn tumour and its forward simulation.

    The parameters are those of the simulated time, which the stopping volume may shorten. The centre of mass of the
    concentration is stored, because crops are centred on it. None if no cells are in grey and white matter (a seed in
    thin tissue that the label map assigns to CSF), or if the seed already has the stopping volume, so that theta would
    be zero.
    """
    field = np.where(tissue.visible, np.clip(solution.concentration, 0, 1), 0)
    if solution.final_time_days <= 0 or not field.any():
        return None
    theta = planned_theta(drawn).at_fraction(solution.final_time_days / DURATION_DAYS)
    concentration = Volume(field.astype(np.float32), tissue.grid)
    row: dict[str, Any] = {"sample": int(drawn["sample"]), "seed": int(drawn["seed"])}
    row |= truth_row(theta, concentration, *_rates(drawn), solution.final_time_days, solution.volume_mm3, integrator)
    row |= {"stopping_volume_mm3": float(drawn["stopping_volume_mm3"]), "stopped_by": solution.stopped_by}
    return Sample(concentration, row | dict(zip(COM, centre_of_mass_mm(concentration).tolist(), strict=True)))


def grow_sample(tissue: Tissue, drawn: pd.Series, integrator: IntegratorSettings) -> Sample | None:
    """Simulate a row of ``draw_parameters`` up to its stopping volume, at most 100 days.

    The result is that of ``describe_sample``; None also if the seed contains no tissue.
    """
    try:
        solution = make_solver(integrator).solve(
            tissue, planned_theta(drawn), stopping_volume_mm3=float(drawn["stopping_volume_mm3"])
        )
    except SeedOutsideTissueError:
        return None
    return describe_sample(tissue, drawn, solution, integrator.name)
