"""CPU back end: numba on all granted cores, working only on the rows that a tumour has reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from gliofit.solver.backends.base import AbstractStepper, Attempt, Growth, reaction_factors
from gliofit.solver.backends.packed import ALIGNMENT, aligned_zeros, pack_rows
from gliofit.solver.domain import Domain
from gliofit.solver.rkl2 import rkl2
from gliofit.solver.threads import threads_for

__all__ = ["NumbaStepper"]

# Bytes of fields that a thread sweeps over at a time, so that stages after the first find them in a shared cache.
_WINDOW_BYTES = 12_000_000
_DEEPEST = 8


class NumbaStepper(AbstractStepper):
    """Steps of a batch of tumours, one after the other; see ``AbstractStepper``.

    Parameters
    ----------
    domain
        Where.
    seeds
        Initial fields per tumour, shape (B, F, nx, ny, nz) on the padded box.
    growths
        Growth of each tumour.
    active
        Concentration above which a voxel is active. Rows reach as far beyond active voxels as the stages of one step.
    """

    def __init__(self, domain: Domain, seeds: Sequence[NDArray[Any]], growths: Sequence[Growth], active: float) -> None:
        self._tumours = [_Tumour(domain, *item, active) for item in zip(seeds, growths, strict=True)]

    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """See ``AbstractStepper.attempt``."""
        return [t.attempt(step) if step > 0 else None for t, step in zip(self._tumours, steps, strict=True)]

    def accept(self, which: Sequence[bool]) -> None:
        """See ``AbstractStepper.accept``."""
        for tumour, yes in zip(self._tumours, which, strict=True):
            if yes:
                tumour.accept()

    def totals(self) -> list[Attempt]:
        """See ``AbstractStepper.totals``."""
        return [tumour.total() for tumour in self._tumours]

    def fields(self, tumour: int) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self._tumours[tumour].fields()

    def concentration(self, tumour: int) -> NDArray[Any]:
        """See ``AbstractStepper.concentration``."""
        one = self._tumours[tumour]
        return one.packed.unpack(one.state[0])


class _Tumour:
    """State, work buffers and rows of one tumour.

    Rows only ever grow, so that what was written once is written again in every pass and never read stale.
    """

    def __init__(self, domain: Domain, seed: NDArray[Any], growth: Growth, active: float) -> None:
        self.growth, self.active = growth, active
        self.packed = pack_rows(domain)
        self.kind = domain.dtype.type
        self.spacing = domain.grid.isotropic_spacing_mm
        self.spectral_bound = domain.spectral_bound
        self.state = self.packed.pack(seed.astype(domain.dtype, copy=False))
        # Pages come on first touch: voxels that no row reaches cost no memory.
        self.coarse, self.start, self.one, self.two = (aligned_zeros(self.state.shape, domain.dtype) for _ in range(4))
        self.slope = aligned_zeros(self.state.shape[1:] if len(self.state) > 1 else (1,), domain.dtype)
        occupied = seed[0] != 0
        some, nz = occupied.any(axis=2), occupied.shape[2]
        # Extents of active voxels per row; an empty row is (beyond, 0), so that minima and maxima merge extents.
        self.beyond = nz + ALIGNMENT
        self.active_low = np.where(some, occupied.argmax(axis=2), self.beyond)
        self.active_high = np.where(some, nz - occupied[:, :, ::-1].argmax(axis=2), 0)
        self.low = np.full(some.shape, self.beyond)
        self.high = np.zeros(some.shape, int)

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
        self.slabs = np.searchsorted(i, np.arange(self.packed.shape[0] + 1))
        self.first_slab, self.end_slab = int(i[0]), int(i[-1]) + 1
        self.voxels = int(self.length.sum())

    def chunks(self) -> tuple[NDArray[np.int64], int]:
        """Bounds of runs of slabs with about the same number of voxels, one per thread, and the depth of blocking."""
        import numba

        slabs = self.end_slab - self.first_slab
        count = max(1, min(numba.get_num_threads(), slabs // 2))
        voxels = np.concatenate([[0], np.cumsum(self.length.astype(np.int64))])[self.slabs]
        goals = np.linspace(0, voxels[-1], count + 1)[1:-1]
        inner = np.clip(np.searchsorted(voxels, goals), self.first_slab + 1, self.end_slab - 1)
        bounds = np.unique(np.concatenate([[self.first_slab], inner, [self.end_slab]])).astype(np.int64)
        fields = len(self.state)
        slab_bytes = self.voxels / slabs * (3 * fields + 3) * self.state.itemsize
        depth = int(np.clip(_WINDOW_BYTES / slab_bytes - 2, 1, _DEEPEST))
        # Where chunks meet, both leave out one slab less than the depth, so they have to be that wide on either side.
        return bounds, min(depth, max(1, int(np.diff(bounds).min()) // 2))

    def strang(
        self, source: NDArray[Any], before: float, step: float, after: float, chunks: tuple[NDArray[np.int64], int]
    ) -> NDArray[Any]:
        """React over ``before``, diffuse over ``step``, react over ``after``; the result lies in ``one``."""
        from gliofit.solver.backends import numba_kernels

        z = step * self.growth.mu_d_mm**2 / self.spacing**2
        scheme = rkl2(z * self.spectral_bound)
        run: Any = numba_kernels.strang
        run(
            source, self.start, self.one, self.two, self.slope, *self.packed.faces,
            self.base, self.length, self.beside, self.slabs, *chunks,
            scheme.stages, self.kind(scheme.w * z), self.kind(2 / self.growth.mu_d_mm),
            self.kind(scheme.a), self.kind(scheme.b),
            np.array(reaction_factors(self.growth, before), self.kind),
            np.array(reaction_factors(self.growth, after), self.kind),
        )  # fmt: skip
        return self.one

    def carry(self, step: float) -> int:
        """Voxels that one step can carry cells: its stages, or those of its two halves together."""
        z = step * self.growth.mu_d_mm**2 / self.spacing**2 * self.spectral_bound
        return max(rkl2(z).stages, 2 * rkl2(z / 2).stages)

    def attempt(self, step: float) -> Attempt:
        """See ``AbstractStepper.attempt``."""
        from gliofit.solver.backends import numba_kernels

        self.reach(self.carry(step))
        with threads_for(self.voxels):
            chunks = self.chunks()
            coarse = self.strang(self.state, step / 2, step, step / 2, chunks)
            # Keep the result out of the work buffers, which take the old one instead.
            self.one, self.coarse = self.coarse, coarse
            half = self.strang(self.state, step / 4, step / 2, step / 2, chunks)
            fine = self.strang(half, 0.0, step / 2, step / 4, chunks)
            low, high = np.empty(len(self.length), np.int64), np.empty(len(self.length), np.int64)
            error, norm, total, growth = numba_kernels.combine(
                self.coarse, fine, self.base, self.length, self.slabs, chunks[0], self.kind(self.active), low, high
            )
        self.found = low, high
        return Attempt(float(np.sqrt(error / max(norm, 1e-300))) / 3, total, self.growth.mu_rho**2 * growth)

    def accept(self) -> None:
        """See ``AbstractStepper.accept``."""
        self.state, self.coarse = self.coarse, self.state
        low, high = self.found
        start = self.low[self.rows]
        self.active_low[self.rows] = np.where(high > low, start + low, self.beyond)
        self.active_high[self.rows] = np.where(high > low, start + high, 0)

    def total(self) -> Attempt:
        """See ``AbstractStepper.totals``."""
        c = self.state[0].astype(np.float64)
        return Attempt(0.0, float(c.sum()), self.growth.mu_rho**2 * float((c * (1 - c)).sum()))

    def fields(self) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self.packed.unpack(self.state)
