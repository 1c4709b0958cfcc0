"""The ``accurate`` integrator: Strang splitting of exact growth and RKL2 diffusion with error control in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.growth.model import growth_of, origins_of
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.solver.backends import make_stepper
from gliofit.solver.backends.base import AbstractStepper
from gliofit.solver.base import AbstractForwardSolver, Solution, check_growth, outside_tissue
from gliofit.solver.control import StepControl
from gliofit.solver.domain import Domain, domain_of
from gliofit.solver.seed import sub_voxel_seed
from gliofit.solver.settings import AccurateSettings
from gliofit.solver.stages import Tangents


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Solution with its derivatives by theta.

    Parameters
    ----------
    solution, domain
        Solution on the tissue's grid, and the domain with the padded box.
    fields
        c and its derivatives by the n parameters on the padded box, shape (1 + n, nx, ny, nz), in the order and units
        of ``Theta.to_array``, with positions in world mm.
    """

    solution: Solution
    domain: Domain
    fields: NDArray[Any]

    @property
    def box_tangents(self) -> NDArray[Any]:
        """Derivatives of c on the padded box, shape (n, nx, ny, nz)."""
        return self.fields[1:]

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
        # Tumours of a batch share their face coefficients and begin and end together.
        if len({growth_of(theta).grey_share for theta in thetas}) == 1 and all(
            len(origins_of(theta)) == 1 for theta in thetas
        ):
            return self._run(tissue, thetas, volumes, schedules, progress)
        return [
            self._grow(tissue, theta, volume, schedule, progress)[0]
            for theta, volume, schedule in zip(thetas, volumes, schedules, strict=True)
        ]

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
        return Sensitivity(*self._grow(tissue, theta, None, schedule, tangents=True, exact=exact))

    def _run(
        self,
        tissue: Tissue,
        thetas: Sequence[Theta],
        stopping_volumes_mm3: Sequence[float | None],
        schedules: Sequence[Sequence[float] | None],
        progress: OnProgress,
    ) -> list[Solution]:
        """Simulate tumours of one origin together."""
        growths = [growth_of(theta) for theta in thetas]
        domain = domain_of(tissue, self.settings.precision).with_grey_share(growths[0].grey_share)
        seeds = [initial_fields(domain, theta) for theta in thetas]
        stepper = make_stepper(self.settings, domain, seeds, growths)
        voxel = domain.grid.voxel_volume_mm3
        controls = [
            StepControl(growth, self.settings.tolerance, start, None if volume is None else volume / voxel, schedule)
            for growth, start, volume, schedule in zip(
                growths, stepper.totals(), stopping_volumes_mm3, schedules, strict=True
            )
        ]
        integrate(stepper, controls, progress)
        return [_solution(domain, stepper.concentration(k), [c], c.time) for k, c in enumerate(controls)]

    def _grow(
        self,
        tissue: Tissue,
        theta: Theta,
        stopping_volume_mm3: float | None,
        schedule: Sequence[float] | None,
        progress: OnProgress = no_progress,
        tangents: bool = False,
        exact: bool = True,
    ) -> tuple[Solution, Domain, NDArray[Any]]:
        """Simulate one tumour with any number of origins, in stages from the start of one to that of the next."""
        growth, origins = growth_of(theta), origins_of(theta)
        domain = domain_of(tissue, self.settings.precision).with_grey_share(growth.grey_share)
        voxel = domain.grid.voxel_volume_mm3
        target = None if stopping_volume_mm3 is None else stopping_volume_mm3 / voxel
        rows = Tangents(theta.space, origins[0]) if tangents else None
        fields = initial_fields(domain, theta, rows.initial_count if rows else 1)
        controls: list[StepControl] = []
        left, time = schedule, 0.0
        for number, origin in enumerate(origins):
            if origin.start >= 1:
                break
            if number:
                seed = seed_fields(domain, origin.position_mm, tangents)
                fields = rows.add(fields, seed, origin) if rows else fields + (1 - fields) * seed
            end = min(origins[number + 1].start, 1.0) if number + 1 < len(origins) else 1.0
            length = end - origin.start
            if length <= 0:
                continue
            part = growth.over(length)
            if rows:
                rows.begin(length)
            stepper = make_stepper(
                self.settings, domain, [fields], [part], exact, rows is not None and rows.with_grey_share
            )
            control = StepControl(part, self.settings.tolerance, stepper.totals()[0], target, left)
            integrate(stepper, [control], progress)
            controls.append(control)
            fields, time = stepper.fields(0), origin.start + length * control.time
            left = None if left is None else left[len(control.steps) :]
            if control.stopped_by == "volume":
                break
        solution = _solution(domain, fields[0], controls, time)
        return solution, domain, rows.by_theta(fields, growth) if rows else fields


def _solution(domain: Domain, c: NDArray[Any], controls: Sequence[StepControl], time: float) -> Solution:
    """Return the solution after one or more stages; ``time`` is a fraction of the duration."""
    last, steps = controls[-1], [step for control in controls for step in control.steps]
    return Solution(
        domain.to_grid(c, domain.dtype), domain.grid, time * DURATION_DAYS,
        last.now.total * domain.grid.voxel_volume_mm3, len(steps), last.stopped_by, tuple(steps),
        sum(control.errors for control in controls),
    )  # fmt: skip


def integrate(stepper: AbstractStepper, controls: Sequence[StepControl], progress: OnProgress = no_progress) -> None:
    """Advance all tumours of a batch until their controls are done."""
    while not all(control.done for control in controls):
        attempts = zip(controls, stepper.attempt([control.propose() for control in controls]), strict=True)
        stepper.accept([attempt is not None and control.judge(attempt) for control, attempt in attempts])
        progress("growing", min(control.time for control in controls), 1.0)


def initial_fields(domain: Domain, theta: Theta, count: int = 1) -> NDArray[Any]:
    """Return the fields at the beginning on the padded box, shape (count, nx, ny, nz).

    The first is the masked seed of the first origin. With ``count`` above 3 its derivatives by the position follow, and
    zeros.

    Raises
    ------
    SeedOutsideTissueError
        If no part of the seed lies in white or grey matter.
    InputError
        If the grid is not isotropic or a growth parameter is not positive.
    """
    check_growth(theta)
    fields = np.zeros((count, *domain.shape), domain.dtype)
    seed = seed_fields(domain, theta.origin_mm, count > 1)
    fields[: len(seed)] = seed
    return fields


def seed_fields(domain: Domain, position_mm: ArrayLike, tangents: bool) -> NDArray[Any]:
    """Return a masked seed and, with tangents, its derivatives by the position, shape (1 or 4, nx, ny, nz).

    Raises SeedOutsideTissueError and InputError as ``initial_fields``.
    """
    grid = domain.grid
    centre = grid.world_to_voxel(np.asarray(position_mm, dtype=np.float64))
    fields = np.zeros((4 if tangents else 1, *domain.shape), domain.dtype)
    values, box = sub_voxel_seed(domain.shape, centre - domain.start, grid.isotropic_spacing_mm, tangents)
    values = np.where(domain.inside[box], values, 0)
    if not values[0].any():
        raise outside_tissue(centre)
    fields[0][box] = values[0]
    if tangents:
        # From voxel indices to world mm: dc/dx_b = sum_a dc/dv_a (A^-1)_ab.
        fields[(slice(1, 4), *box)] = np.einsum("aijk,ab->bijk", values[1:], np.linalg.inv(grid.affine[:3, :3]))
    return fields
