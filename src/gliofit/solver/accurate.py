"""The ``accurate`` integrator: Strang splitting of exact growth and RKL2 diffusion with error control in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.growth.model import growth_of
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.solver.backends import make_stepper
from gliofit.solver.backends.base import AbstractStepper
from gliofit.solver.base import AbstractForwardSolver, Solution, check_growth, outside_tissue
from gliofit.solver.control import StepControl
from gliofit.solver.domain import Domain, domain_of
from gliofit.solver.seed import sub_voxel_seed
from gliofit.solver.settings import AccurateSettings


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Solution with its derivatives by theta, which the back end stores on the padded box of the domain."""

    solution: Solution
    domain: Domain
    stepper: AbstractStepper

    @cached_property
    def box_tangents(self) -> NDArray[Any]:
        """Derivatives of c by the n parameters on the padded box, shape (n, nx, ny, nz).

        In the order and units of ``Theta.to_array``, with positions in world mm.
        """
        return self.stepper.fields(0)[1:]

    @cached_property
    def tangents(self) -> NDArray[Any]:
        """Derivatives on the tissue's grid, zero outside tissue, shape (n, *grid.shape)."""
        return self.domain.to_grid(self.box_tangents, self.box_tangents.dtype)


class AccurateSolver(AbstractForwardSolver):
    """Fisher-Kolmogorov growth with error-controlled time steps.

    The space discretisation is that of the reference integrator. ``AbstractStepper`` describes a time step,
    ``StepControl`` the step size control, and docs/solver.md the derivation.
    """

    def __init__(self, settings: AccurateSettings | None = None) -> None:
        self.settings = settings or AccurateSettings()

    def solve(
        self,
        tissue: Tissue,
        theta: Theta,
        *,
        stopping_volume_mm3: float | None = None,
        schedule: Sequence[float] | None = None,
        progress: OnProgress = no_progress,
    ) -> Solution:
        """Simulate one tumour; see ``AbstractForwardSolver.solve``.

        With ``schedule`` (``Solution.schedule`` of another solution) the time steps are fixed, so that the result is a
        smooth function of theta.
        """
        return self.solve_batch(
            tissue, [theta], stopping_volumes_mm3=[stopping_volume_mm3], schedules=[schedule], progress=progress
        )[0]

    def solve_batch(
        self,
        tissue: Tissue,
        thetas: Sequence[Theta],
        *,
        stopping_volumes_mm3: Sequence[float | None] | None = None,
        schedules: Sequence[Sequence[float] | None] | None = None,
        progress: OnProgress = no_progress,
    ) -> list[Solution]:
        """Simulate several tumours in one tissue, on CUDA simultaneously; see ``solve``."""
        volumes = stopping_volumes_mm3 or [None] * len(thetas)
        schedules = schedules or [None] * len(thetas)
        if len({growth_of(theta).grey_share for theta in thetas}) > 1:
            # Tumours of a batch share their face coefficients.
            return [
                self.solve(tissue, theta, stopping_volume_mm3=volume, schedule=schedule, progress=progress)
                for theta, volume, schedule in zip(thetas, volumes, schedules, strict=True)
            ]
        return self._run(tissue, thetas, volumes, schedules, progress)[0]

    def solve_with_tangents(
        self, tissue: Tissue, theta: Theta, *, schedule: Sequence[float] | None = None, exact: bool = True
    ) -> Sensitivity:
        """Simulate one tumour with the derivatives of c by theta; see ``solve``.

        The tangents pass through the same stages as c and are the exact derivatives of the discrete solution for fixed
        time steps. The sub-voxel seed is differentiable in the origin, since its cut is a ramp of +- 0.5 mm; the tissue
        mask is constant.

        Without ``exact`` the tangents are those of the fine steps before extrapolation, linearised about the same c, at
        two thirds of the cost. Their error is about the tolerance, which suffices for least squares.
        """
        (solution,), domain, stepper = self._run(tissue, [theta], [None], [schedule], tangents=True, exact=exact)
        return Sensitivity(solution, domain, stepper)

    def _run(
        self, tissue: Tissue, thetas: Sequence[Theta], stopping_volumes_mm3: Sequence[float | None],
        schedules: Sequence[Sequence[float] | None], progress: OnProgress = no_progress,
        tangents: bool = False, exact: bool = True,
    ) -> tuple[list[Solution], Domain, AbstractStepper]:  # fmt: skip
        growths = [growth_of(theta) for theta in thetas]
        domain = domain_of(tissue, self.settings.precision).with_grey_share(growths[0].grey_share)
        seeds = [initial_fields(domain, theta, tangents) for theta in thetas]
        stepper = make_stepper(self.settings, domain, seeds, growths, exact)
        voxel = domain.grid.voxel_volume_mm3
        controls = [
            StepControl(growth, self.settings.tolerance, start, None if volume is None else volume / voxel, schedule)
            for growth, start, volume, schedule in zip(
                growths, stepper.totals(), stopping_volumes_mm3, schedules, strict=True
            )
        ]
        integrate(stepper, controls, progress)
        solutions = [
            Solution(
                domain.to_grid(stepper.concentration(index), domain.dtype), domain.grid, control.time * DURATION_DAYS,
                control.now.total * voxel, len(control.steps), control.stopped_by, tuple(control.steps), control.errors,
            )
            for index, control in enumerate(controls)
        ]  # fmt: skip
        return solutions, domain, stepper


def integrate(stepper: AbstractStepper, controls: Sequence[StepControl], progress: OnProgress = no_progress) -> None:
    """Advance all tumours of a batch until their controls are done."""
    while not all(control.done for control in controls):
        attempts = zip(controls, stepper.attempt([control.propose() for control in controls]), strict=True)
        stepper.accept([attempt is not None and control.judge(attempt) for control, attempt in attempts])
        progress("growing", min(control.time for control in controls), 1.0)


def initial_fields(domain: Domain, theta: Theta, tangents: bool) -> NDArray[Any]:
    """Return the masked seed, with its n tangents if requested, on the padded box: shape (1 or 1 + n, nx, ny, nz).

    SeedOutsideTissueError if no part of the seed lies in white or grey matter; InputError if the grid is not isotropic
    or a growth parameter is not positive.
    """
    check_growth(theta)
    grid = domain.grid
    centre = theta.origin_voxel(grid)
    fields = np.zeros((1 + len(theta.space) if tangents else 1, *domain.shape), domain.dtype)
    values, box = sub_voxel_seed(domain.shape, centre - domain.start, grid.isotropic_spacing_mm, tangents)
    values = np.where(domain.inside[box], values, 0)
    if not values[0].any():
        raise outside_tissue(centre)
    fields[0][box] = values[0]
    if tangents:
        # From voxel indices to world mm: dc/dx_b = sum_a dc/dv_a (A^-1)_ab.
        fields[(slice(1, 4), *box)] = np.einsum("aijk,ab->bijk", values[1:], np.linalg.inv(grid.affine[:3, :3]))
    return fields
