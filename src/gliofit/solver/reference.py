"""The ``reference`` integrator: the public toolkit's explicit scheme, fast, with its quirks as flags."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gliofit.errors import SeedOutsideTissueError
from gliofit.grid import bounding_box
from gliofit.solver.base import AbstractForwardSolver, Solution
from gliofit.solver.faces import face_coefficients
from gliofit.solver.seed import sub_voxel_seed, voxel_seed
from gliofit.solver.settings import ReferenceSettings
from gliofit.theta import DURATION_DAYS, Theta
from gliofit.tissue import Tissue

__all__ = ["ReferenceSolver"]

# Voxels kept around the tissue's bounding box; the toolkit crops the same way.
_MARGIN = 2

# A time step on fewer voxels takes less than about a millisecond.
_WORTH_THREADS = 500_000


@dataclass(frozen=True, eq=False)
class _Domain:
    """Padded face coefficients on the bounding box of the tissue."""

    start: NDArray[np.int64]
    inside: NDArray[np.bool_]
    faces: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
    row_low: NDArray[np.int32]
    row_high: NDArray[np.int32]


def _rows(occupied: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """First and one-past-last occupied index of each row along the last axis (0, 0 where there is none)."""
    some = occupied.any(axis=2)
    low = np.where(some, occupied.argmax(axis=2), 0)
    high = np.where(some, occupied.shape[2] - occupied[:, :, ::-1].argmax(axis=2), 0)
    return low.astype(np.int32), high.astype(np.int32)


@contextmanager
def _threads_for(voxels: int) -> Iterator[None]:
    """Use one thread on small grids, where threads wait for each other longer than they work."""
    import numba

    granted = numba.get_num_threads()
    if voxels < _WORTH_THREADS:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(granted)


class ReferenceSolver(AbstractForwardSolver):
    """Forward Euler in flux form (TumorGrowthToolkit's Fisher-Kolmogorov scheme) through numba on all granted cores.

    Steps: max(8 T D / h^2 + 100, 1.1 rho T), and, unless the flag is off, at least rho T / ``max_reaction_step``.
    The number of threads is numba's current one (``numba.set_num_threads`` or ``NUMBA_NUM_THREADS``).

    Parameters
    ----------
    settings
        Flags and precision; ``ReferenceSettings.parity()`` for the toolkit's behaviour.
    """

    def __init__(self, settings: ReferenceSettings | None = None) -> None:
        self.settings = settings or ReferenceSettings()
        self._domains: WeakKeyDictionary[Tissue, _Domain] = WeakKeyDictionary()

    def _domain(self, tissue: Tissue) -> _Domain:
        """Box, faces and rows of a tissue; kept while the tissue lives since inversions reuse it hundreds of times."""
        known = self._domains.get(tissue)
        if known is not None:
            return known
        mask = tissue.mask
        low, high = [], []
        for used, size in zip(bounding_box(mask), mask.shape, strict=True):
            low.append(max(0, used.start - _MARGIN))
            high.append(min(size, used.stop + _MARGIN))
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        kind = np.dtype(self.settings.precision)
        # One voxel of zeros on each side lets the kernel read neighbours without asking where it is.
        wm, gm = (np.pad(m[box].astype(kind), 1) for m in (tissue.wm, tissue.gm))
        inside = np.pad(mask[box], 1)
        row_low, row_high = _rows(inside)
        domain = _Domain(np.array(low) - 1, inside, face_coefficients(wm, gm), row_low, row_high)
        self._domains[tissue] = domain
        return domain

    def _initial(self, tissue: Tissue, theta: Theta, domain: _Domain, spacing_mm: float) -> NDArray[Any]:
        centre = theta.origin_voxel(tissue.grid)
        kind = np.dtype(self.settings.precision)
        if self.settings.sub_voxel_seed:
            field = sub_voxel_seed(domain.inside.shape, centre - domain.start, spacing_mm)
        else:
            # The toolkit truncates a fraction of the axis length; guard against 149.99999 for voxel 150.
            centre = np.floor(centre + 1e-6)
            field = voxel_seed(domain.inside.shape, centre - domain.start, spacing_mm)
        if self.settings.mask_seed:
            field = np.where(domain.inside, field, 0)
            empty = not field.any()
        else:
            voxel = np.rint(centre).astype(int)
            in_grid = ((voxel >= 0) & (voxel < tissue.grid.shape)).all()
            empty = not in_grid or tissue.wm[tuple(voxel)] + tissue.gm[tuple(voxel)] == 0
            # The padding must stay zero: nothing lives outside the box.
            field[[0, -1]] = 0
            field[:, [0, -1]] = 0
            field[:, :, [0, -1]] = 0
        if empty:
            position = ", ".join(f"{v:.1f}" for v in theta.origin_voxel(tissue.grid))
            raise SeedOutsideTissueError(
                f"seed at voxel ({position})", "no white or grey matter there", "choose a seed inside brain tissue"
            )
        return np.ascontiguousarray(field, dtype=kind)

    def steps(self, theta: Theta, spacing_mm: float, duration_days: float = DURATION_DAYS) -> float:
        """Number of time steps for the whole duration (the toolkit's is not whole and is rounded up in its loop)."""
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
        duration_days: float = DURATION_DAYS,
        stopping_volume_mm3: float | None = None,
    ) -> Solution:
        """Grow one tumour; see ``AbstractForwardSolver.solve``."""
        from gliofit.solver.euler_numba import euler_steps

        grid = tissue.grid
        spacing = grid.isotropic_spacing_mm
        domain = self._domain(tissue)
        kind = np.dtype(self.settings.precision).type
        state = self._initial(tissue, theta, domain, spacing)
        other = np.zeros_like(state)
        row_low, row_high = domain.row_low, domain.row_high
        if not self.settings.mask_seed:
            # Unmasked seeds also grow where there is no tissue, so those rows have to be worked on too.
            row_low, row_high = _rows(domain.inside | (state > 0))
        box = np.empty(6, np.int64)
        for axis, (used, size) in enumerate(zip(bounding_box(state > 0), state.shape, strict=True)):
            box[2 * axis] = max(1, used.start - 1)
            box[2 * axis + 1] = min(size - 1, used.stop + 1)
        steps = self.steps(theta, spacing, duration_days)
        dt = duration_days / steps
        diffusion = theta.diffusivity_mm2_per_day(duration_days) * dt / spacing**2
        reaction = theta.proliferation_per_day(duration_days) * dt
        stopping_sum = math.inf if stopping_volume_mm3 is None else stopping_volume_mm3 / grid.voxel_volume_mm3
        with _threads_for(state.size):
            taken, total, stopped = euler_steps(
                state, other, *domain.faces, row_low, row_high, box,
                kind(diffusion), kind(reaction), kind(1e-30), math.ceil(steps), stopping_sum,
            )  # fmt: skip
        field = state if taken % 2 == 0 else other
        out = np.zeros(grid.shape, np.float32)
        target, source = [], []
        for start, size, length in zip(domain.start, field.shape, grid.shape, strict=True):
            target.append(slice(max(0, start), min(length, start + size)))
            source.append(slice(max(0, -start), max(0, -start) + target[-1].stop - target[-1].start))
        out[tuple(target)] = field[tuple(source)]
        if not stopped:
            final_time = duration_days
        else:
            final_time = (taken if self.settings.exact_final_time else taken - 1) * dt
        return Solution(
            out, grid, float(final_time), total * grid.voxel_volume_mm3, taken, "volume" if stopped else "time"
        )
