"""CPU back end: numba on all granted cores, working only on the rows that a tumour has reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from gliofit.solver.backends.base import AbstractStepper, Attempt, Growth, reaction_factors
from gliofit.solver.domain import Domain
from gliofit.solver.rkl2 import rkl2
from gliofit.solver.threads import threads_for

__all__ = ["NumbaStepper"]

# Chunks of rows per thread: enough that threads end together, few enough that starting one costs nothing.
_CHUNKS_PER_THREAD = 8


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


class _Tumour:
    """State, work buffers and rows of one tumour.

    Rows only ever grow, so that what was written once is written again in every pass and never read stale.
    """

    def __init__(self, domain: Domain, seed: NDArray[Any], growth: Growth, active: float) -> None:
        self.domain, self.growth, self.active = domain, growth, active
        self.shape = domain.shape
        self.faces = tuple(face.reshape(-1) for face in domain.faces)
        self.state = np.ascontiguousarray(seed, domain.dtype).reshape(len(seed), -1)
        # calloc gives pages on first touch: voxels that no row reaches cost no memory.
        self.coarse, self.start, self.flux, self.one, self.two = (np.zeros_like(self.state) for _ in range(5))
        nx, ny, nz = self.shape
        self.strides = (ny * nz, nz)
        occupied = self.state[0].reshape(self.shape) != 0
        some = occupied.any(axis=2)
        # Extent of active voxels per row, with an empty row as (nz, 0) so that minima and maxima merge extents.
        self.active_low = np.where(some, occupied.argmax(axis=2), nz).astype(np.int32)
        self.active_high = np.where(some, nz - occupied[:, :, ::-1].argmax(axis=2), 0).astype(np.int32)
        self.low, self.high = self.active_low.copy(), self.active_high.copy()
        self.reach(0)

    def reach(self, margin: int) -> None:
        """Widen the rows to ``margin`` voxels around the active ones, inside tissue."""
        if margin:
            size = 2 * margin + 1
            low = minimum_filter(self.active_low, size, mode="nearest") - margin
            high = maximum_filter(self.active_high, size, mode="nearest") + margin
            nothing = maximum_filter(self.active_high, size, mode="nearest") == 0
            low = np.maximum(low, self.domain.row_low)
            high = np.minimum(high, self.domain.row_high)
            nothing |= high <= low
            self.low = np.minimum(self.low, np.where(nothing, self.shape[2], low))
            self.high = np.maximum(self.high, np.where(nothing, 0, high))
        i, j = np.nonzero(self.high > self.low)
        self.rows = (i, j)
        low, high = self.low[i, j], self.high[i, j]
        self.base = (i * self.strides[0] + j * self.strides[1] + low).astype(np.int64)
        self.length = (high - low).astype(np.int64)

    def chunks(self) -> NDArray[np.int64]:
        """Bounds of runs of rows with about the same number of voxels, a few per thread."""
        import numba

        count = 1 if numba.get_num_threads() == 1 else numba.get_num_threads() * _CHUNKS_PER_THREAD
        voxels = np.concatenate([[0], np.cumsum(self.length)])
        return np.searchsorted(voxels, np.linspace(0, voxels[-1], count + 1)).astype(np.int64)

    def strang(self, start: NDArray[Any], step: float, end_step: float, chunks: NDArray[np.int64]) -> NDArray[Any]:
        """Diffuse ``start`` over ``step``, then react over ``end_step``; the result lies in one of two buffers."""
        from gliofit.solver.backends.numba_kernels import diffuse

        kind = self.domain.dtype.type
        mu_d, spacing = self.growth.mu_d_mm, self.domain.grid.isotropic_spacing_mm
        z = step * mu_d**2 / spacing**2
        scheme = rkl2(z * self.domain.spectral_bound)
        coefficients = np.stack(
            [scheme.mu, scheme.nu, 1 - scheme.mu - scheme.nu, scheme.mu_l * z, scheme.gamma * z]
        ).astype(kind)
        factor, slope = reaction_factors(self.growth, end_step)
        in_two = diffuse(
            start, self.flux, self.one, self.two, *self.faces, self.base, self.length, chunks, *self.strides,
            kind(scheme.first * z), coefficients, kind(2 / mu_d), kind(factor), kind(slope),
        )  # fmt: skip
        return self.two if in_two else self.one

    def react(self, step: float, chunks: NDArray[np.int64]) -> None:
        """Fill ``start`` with the state after a reaction step."""
        from gliofit.solver.backends.numba_kernels import react

        kind = self.domain.dtype.type
        factor, slope = reaction_factors(self.growth, step)
        react(self.state, self.start, self.base, self.length, chunks, kind(factor), kind(slope))

    def take(self, name: str, buffer: NDArray[Any]) -> None:
        """Exchange the buffer called ``name`` with one of the two work buffers."""
        if buffer is self.one:
            self.one = getattr(self, name)
        else:
            self.two = getattr(self, name)
        setattr(self, name, buffer)

    def attempt(self, step: float) -> Attempt:
        """See ``AbstractStepper.attempt``."""
        from gliofit.solver.backends.numba_kernels import combine

        z = step * self.growth.mu_d_mm**2 / self.domain.grid.isotropic_spacing_mm**2
        self.reach(rkl2(z * self.domain.spectral_bound).stages)
        with threads_for(int(self.length.sum())):
            chunks = self.chunks()
            self.react(step / 2, chunks)
            self.take("coarse", self.strang(self.start, step, step / 2, chunks))
            self.react(step / 4, chunks)
            self.take("start", self.strang(self.start, step / 2, step / 2, chunks))
            fine = self.strang(self.start, step / 2, step / 4, chunks)
            low, high = np.empty(len(self.length), np.int32), np.empty(len(self.length), np.int32)
            error, norm, total, growth = combine(
                self.coarse, fine, self.base, self.length, chunks, self.active, low, high
            )
        self.found = (low, high)
        return Attempt(float(np.sqrt(error / max(norm, 1e-300))) / 3, total, self.growth.mu_rho**2 * growth)

    def accept(self) -> None:
        """See ``AbstractStepper.accept``."""
        self.state, self.coarse = self.coarse, self.state
        low, high = self.found
        start = self.low[self.rows]
        self.active_low[self.rows] = np.where(high > low, start + low, self.shape[2])
        self.active_high[self.rows] = np.where(high > low, start + high, 0)

    def total(self) -> Attempt:
        """See ``AbstractStepper.totals``."""
        c = self.state[0].astype(np.float64)
        return Attempt(0.0, float(c.sum()), self.growth.mu_rho**2 * float((c * (1 - c)).sum()))

    def fields(self) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self.state.reshape(-1, *self.shape)
