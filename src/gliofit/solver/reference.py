"""The ``reference`` and ``toolkit`` integrators: explicit scheme of the public toolkit, its faults as options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import bounding_box
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.threads import threads_for
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import diffusivity_mm2_per_day, proliferation_per_day
from gliofit.growth.model import DEFAULT
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.solver.base import AbstractForwardSolver, Solution, check_growth, outside_tissue
from gliofit.solver.domain import Domain, domain_of, row_spans
from gliofit.solver.seed import sub_voxel_seed, voxel_seed
from gliofit.solver.settings import ReferenceSettings


class ReferenceSolver(AbstractForwardSolver):
    """Forward Euler in flux form (TumorGrowthToolkit's Fisher-Kolmogorov scheme), compiled by numba.

    Number of steps: max(8 D T / h^2 + 100, 1.1 rho T), with ``limit_reaction_step`` at least
    rho T / ``max_reaction_step``. ``ToolkitSettings.scheme`` gives the settings of the toolkit.
    """

    def __init__(self, settings: ReferenceSettings | None = None) -> None:
        self.settings = settings or ReferenceSettings()

    def _initial(self, tissue: Tissue, theta: Theta, domain: Domain, spacing_mm: float) -> NDArray[Any]:
        centre = theta.origin_voxel(tissue.grid)
        if self.settings.sub_voxel_seed:
            values, box = sub_voxel_seed(domain.shape, centre - domain.start, spacing_mm)
            field = np.zeros(domain.shape)
            field[box] = values[0]
        else:
            # Rounding must not truncate 149.99999 to voxel 149.
            centre = np.floor(centre + 1e-6)
            field = voxel_seed(domain.shape, centre - domain.start, spacing_mm)
        if self.settings.mask_seed:
            field = np.where(domain.inside, field, 0)
            empty = not field.any()
        else:
            voxel = np.rint(centre).astype(int)
            in_grid = ((voxel >= 0) & (voxel < tissue.grid.shape)).all()
            empty = not in_grid or tissue.wm[tuple(voxel)] + tissue.gm[tuple(voxel)] == 0
            # The kernels expect zeros in the padding.
            field = np.pad(field[1:-1, 1:-1, 1:-1], 1)
        if empty:
            raise outside_tissue(theta.origin_voxel(tissue.grid))
        return np.ascontiguousarray(field, dtype=self.settings.precision)

    def steps(self, theta: Theta, spacing_mm: float) -> float:
        """Return the number of time steps; it is not an integer without ``exact_final_time``, as in the toolkit."""
        growth = theta.mu_rho**2
        steps = max(8 * theta.mu_d_mm**2 / spacing_mm**2 + 100, 1.1 * growth)
        if self.settings.limit_reaction_step:
            steps = max(steps, growth / self.settings.max_reaction_step)
        return float(math.ceil(steps)) if self.settings.exact_final_time else steps

    def solve(
        self,
        tissue: Tissue,
        theta: Theta,
        *,
        stopping_volume_mm3: float | None = None,
        progress: OnProgress = no_progress,
    ) -> Solution:
        """Simulate one tumour; see ``AbstractForwardSolver.solve``."""
        from gliofit.solver.euler_numba import euler_steps

        grid = tissue.grid
        spacing = grid.isotropic_spacing_mm
        check_growth(theta)
        if theta.space.model != DEFAULT:
            raise InputError(
                "integrator reference", f"cannot simulate the growth model {theta.space.model}",
                "use the integrator `accurate`", "integrator-model",
            )  # fmt: skip
        domain = domain_of(tissue, self.settings.precision)
        kind = domain.dtype.type
        state = self._initial(tissue, theta, domain, spacing)
        other = np.zeros_like(state)
        row_low, row_high = domain.row_low, domain.row_high
        if not self.settings.mask_seed:
            # Unmasked seeds also grow outside tissue.
            row_low, row_high = row_spans(domain.inside | (state > 0))
        box = np.empty(6, np.int64)
        for axis, (extent, size) in enumerate(zip(bounding_box(state > 0), state.shape, strict=True)):
            box[2 * axis] = max(1, extent.start - 1)
            box[2 * axis + 1] = min(size - 1, extent.stop + 1)
        steps = self.steps(theta, spacing)
        dt = DURATION_DAYS / steps
        diffusion = diffusivity_mm2_per_day(theta) * dt / spacing**2
        reaction = proliferation_per_day(theta) * dt
        stopping_sum = math.inf if stopping_volume_mm3 is None else stopping_volume_mm3 / grid.voxel_volume_mm3
        progress("growing")
        with threads_for(state.size):
            taken, total, stopped = euler_steps(
                state, other, *domain.faces, row_low, row_high, box,
                kind(diffusion), kind(reaction), kind(1e-30), math.ceil(steps), stopping_sum,
            )  # fmt: skip
        field = state if taken % 2 == 0 else other
        final_time = (taken if self.settings.exact_final_time else taken - 1) * dt if stopped else DURATION_DAYS
        return Solution(
            domain.to_grid(field), grid, float(final_time), total * grid.voxel_volume_mm3, taken,
            "volume" if stopped else "time",
        )  # fmt: skip
