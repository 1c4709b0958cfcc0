"""CPU back end: numba on all granted cores, working only on the rows that a tumour has reached."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from gliofit.core.threads import threads_for
from gliofit.growth.model import Growth
from gliofit.solver.backends.base import AbstractTumour, Attempt, reaction_factors
from gliofit.solver.backends.packed import ALIGNMENT, aligned_zeros, pack_rows
from gliofit.solver.domain import Domain, row_spans
from gliofit.solver.rkl2 import rkl2

# Stages taken while their slabs are in a cache; more would overflow it at 1 mm.
_DEEPEST = 8

# Runs of rows with about the same number of voxels that are summed on their own: enough for the cores of a
# workstation, and as many on every machine, because the rounding of the total must not depend on threads.
_CHUNKS = 64


class NumbaTumour(AbstractTumour):
    """State, work buffers and rows of one tumour; see ``AbstractStepper``.

    Rows only ever grow, so that what was written once is written again in every pass and never read stale.
    They reach as far beyond active voxels, whose concentration is above ``active``, as the stages of one step.
    Tangents that are not extrapolated spare the coarse step.
    """

    def __init__(
        self,
        domain: Domain,
        seed: NDArray[Any],
        growth: Growth,
        active: float,
        extrapolate_tangents: bool = True,
        with_grey_share: bool = False,
    ) -> None:
        self.growth, self.active = growth, active
        self.packed = pack_rows(domain)
        self.kind = domain.dtype.type
        self.spacing = domain.grid.isotropic_spacing_mm
        self.spectral_bound = domain.spectral_bound
        self.state = self.packed.pack(seed.astype(domain.dtype, copy=False))
        # Pages come on first touch: voxels that no row reaches cost no memory.
        self.start, self.one, self.two = (aligned_zeros(self.state.shape, domain.dtype) for _ in range(3))
        extrapolated = len(self.state) if extrapolate_tangents else 1
        self.coarse = aligned_zeros((extrapolated, self.state.shape[1]), domain.dtype)
        self.nothing = aligned_zeros((1,), domain.dtype)
        self.slope = aligned_zeros(self.state.shape[1:], domain.dtype) if len(self.state) > 1 else self.nothing
        #: Operator of the tangent by the grey share; empty arrays where that is not computed.
        self.grey_faces = self.packed.pack_faces(domain.grey_faces) if with_grey_share else (self.nothing[:0],) * 3
        # Extents of active voxels per row; an empty row is (beyond, 0), so that minima and maxima merge extents.
        self.beyond = seed.shape[-1] + ALIGNMENT
        low, self.active_high = row_spans(seed[0] != 0)
        self.active_low = np.where(self.active_high > 0, low, self.beyond)
        self.low = np.full(low.shape, self.beyond)
        self.high = np.zeros(low.shape, int)

    def reach(self, margin: int) -> None:
        """Widen the rows to ``margin`` voxels around the active ones, inside tissue."""
        size = 2 * margin + 1
        low = minimum_filter(self.active_low, size, mode="nearest")
        high = maximum_filter(self.active_high, size, mode="nearest")
        low = np.maximum((low - margin) // ALIGNMENT * ALIGNMENT, self.packed.low)
        high = np.minimum(-(-(high + margin) // ALIGNMENT) * ALIGNMENT, np.where(high > 0, self.packed.high, 0))
        some = high > low
        self.low = np.minimum(self.low, np.where(some, low, self.beyond))
        self.high = np.maximum(self.high, np.where(some, high, 0))
        i, j = self.rows = np.nonzero(self.high > self.low)
        low, origin = self.low[i, j], self.packed.origin
        self.base = (origin[i, j] + low).astype(np.uint64)
        self.length = (self.high[i, j] - low).astype(np.uint64)
        self.beside = np.stack(
            [origin[i + 1, j] + low, origin[i - 1, j] + low, origin[i, j + 1] + low, origin[i, j - 1] + low]
        ).astype(np.uint64)
        self.slabs = np.searchsorted(i, np.arange(len(origin) + 1))
        #: Voxels before each row, and their number.
        self.before = np.concatenate([[0], np.cumsum(self.length.astype(np.int64))])
        self.voxels = int(self.before[-1])

    def blocks(self) -> tuple[NDArray[np.int64], int]:
        """Bounds of one block of slabs per thread with about the same number of voxels, and the depth of blocking."""
        import numba

        used = np.flatnonzero(np.diff(self.slabs))
        first, end = int(used[0]), int(used[-1]) + 1
        count = max(1, min(numba.get_num_threads(), (end - first) // 2))
        inner = np.searchsorted(self.before[self.slabs], np.linspace(0, self.voxels, count + 1)[1:-1])
        bounds = np.unique(np.clip(np.concatenate([[first], inner, [end]]), first, end)).astype(np.int64)
        # Where blocks meet, both leave out one slab less than the depth, so they have to be that wide on either side.
        narrowest = int(np.diff(bounds).min())
        return bounds, _DEEPEST if len(bounds) == 2 else min(_DEEPEST, max(1, narrowest // 2))

    def strang(self, source: NDArray[Any], result: NDArray[Any], before: float, step: float, after: float) -> None:
        """React over ``before``, diffuse over ``step``, react over ``after``, the first fields of ``source``."""
        from gliofit.solver.backends import numba_kernels

        z = self.diffusion(step)
        scheme = rkl2(z * self.spectral_bound)
        fields = len(result)
        slope = self.slope if fields > 1 else self.nothing
        run: Any = numba_kernels.strang
        run(
            source[:fields], self.start[:fields], result, self.two[:fields], slope, *self.packed.faces,
            *self.grey_faces, self.base, self.length, self.beside, self.slabs, *self.blocks(),
            scheme.stages, self.kind(scheme.w * z), self.kind(2 / self.growth.mu_d_mm),
            self.kind(scheme.a), self.kind(scheme.b),
            np.array(reaction_factors(self.growth, before), self.kind),
            np.array(reaction_factors(self.growth, after), self.kind),
        )  # fmt: skip

    def diffusion(self, step: float) -> float:
        """D_WM tau / h^2 of a step."""
        return step * self.growth.mu_d_mm**2 / self.spacing**2

    def attempt(self, step: float) -> Attempt:
        """See ``AbstractTumour.attempt``."""
        from gliofit.solver.backends import numba_kernels

        # Cells move one voxel per stage, in the whole step or in its two halves.
        stiffness = self.diffusion(step) * self.spectral_bound
        self.reach(max(rkl2(stiffness).stages, 2 * rkl2(stiffness / 2).stages))
        chunks = np.searchsorted(self.before, np.linspace(0, self.voxels, _CHUNKS + 1)).astype(np.int64)
        with threads_for(self.voxels):
            self.strang(self.state, self.coarse, step / 2, step, step / 2)
            self.strang(self.state, self.one, step / 4, step / 2, step / 2)
            self.strang(self.one, self.one, 0.0, step / 2, step / 4)
            low, high = np.empty((2, len(self.length)), np.int64)
            error, norm, total, growth = numba_kernels.combine(
                self.coarse, self.one, self.base, self.length, chunks, self.kind(self.active), low, high
            )
        self.found = low, high
        return Attempt(float(np.sqrt(error / max(norm, 1e-300))) / 3, total, self.growth.mu_rho**2 * growth)

    def accept(self) -> None:
        """See ``AbstractTumour.accept``."""
        self.state, self.one = self.one, self.state
        low, high = self.found
        start = self.low[self.rows]
        self.active_low[self.rows] = np.where(high > low, start + low, self.beyond)
        self.active_high[self.rows] = np.where(high > low, start + high, 0)

    def total(self) -> Attempt:
        """See ``AbstractTumour.total``."""
        c = self.state[0].astype(np.float64)
        return Attempt(0.0, float(c.sum()), self.growth.mu_rho**2 * float((c * (1 - c)).sum()))

    def fields(self, count: int | None) -> NDArray[Any]:
        """See ``AbstractTumour.fields``."""
        return self.packed.unpack(self.state[:count])
