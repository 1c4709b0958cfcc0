"""CUDA back end: Triton kernels on all tumours of a batch simultaneously, on the tiles that each tumour has reached.

An attempt is one launch per RKL2 stage for all tumours and fields, with the reactions in the first and last stage of
each diffusion step, then two launches for extrapolation and sums; see ``triton_kernels``. Tumours with shorter steps
have fewer stages and are skipped in the others, so that the result of a tumour does not depend on its batch.

Launching some fifty kernels takes longer than running small ones, so repeated launches are captured as a CUDA graph.
The numbers of stages and programs, which a graph fixes, are rounded up, and programs without work return immediately;
everything else is read from device buffers. The host waits once per attempt, for sums and active tiles.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from gliofit.core.grid import bounding_box
from gliofit.growth.model import Growth
from gliofit.solver.backends.base import AbstractStepper, Attempt, choose_backend, interpreted, reaction_factors
from gliofit.solver.domain import Domain
from gliofit.solver.rkl2 import rkl2

# Margins around active voxels are rounded up to this multiple, so that tile lists are uploaded less often.
_MARGIN_STEP = 8
# Graphs per workspace; each takes some hundred kilobytes of device memory.
_MOST_GRAPHS = 128
# Idle workspaces per domain, with their graphs.
_MOST_FREE = 2


class TritonStepper(AbstractStepper):
    """Steps of all tumours of a batch simultaneously; see ``make_stepper``.

    The tile list of a tumour contains the tiles with tissue that the stages of a step can reach from active voxels. It
    never shrinks: tiles written once are written in every pass, and all other tiles are zero.
    """

    def __init__(self, domain: Domain, seeds: Sequence[NDArray[Any]], growths: Sequence[Growth], active: float) -> None:
        choose_backend("triton")
        self.growths, self.shape = list(growths), domain.shape
        self.spacing, self.spectral_bound = domain.grid.isotropic_spacing_mm, domain.spectral_bound
        self.space = _borrow(self, domain, len(seeds), len(seeds[0]))
        self.space.scalars.host[..., 6] = active
        for index, seed in enumerate(seeds):
            self.space.seed(index, seed)

    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """See ``AbstractStepper.attempt``."""
        if not any(step > 0 for step in steps):
            return [None] * len(steps)
        space = self.space
        counts, scalars = space.counts.host, space.scalars.host
        for index, (step, growth) in enumerate(zip(steps, self.growths, strict=True)):
            if step <= 0:
                counts[index] = 0
                continue
            for kind, part in enumerate((step, step / 2)):
                z = part * growth.mu_d_mm**2 / self.spacing**2
                scheme = rkl2(z * self.spectral_bound)
                k = scheme.w * z
                counts[index, 1 + kind] = scheme.stages
                scalars[index, kind, :4] = k, 2 * k / growth.mu_d_mm, scheme.a, scheme.b
                scalars[index, kind, 4:6] = reaction_factors(growth, part / 2)
            # Cells move one voxel per stage, in the coarse step or in its two halves.
            space.reach(index, max(int(counts[index, 1]), 2 * int(counts[index, 2])))
        sums = space.run()
        return [
            Attempt(float(np.sqrt(error / max(norm, 1e-300))) / 3, float(total), growth.mu_rho**2 * float(rate))
            if step > 0
            else None
            for step, growth, (error, norm, total, rate) in zip(steps, self.growths, sums, strict=True)
        ]

    def accept(self, which: Sequence[bool]) -> None:
        """See ``AbstractStepper.accept``."""
        for index in np.flatnonzero(which).tolist():
            self.space.accept(index)

    def totals(self) -> list[Attempt]:
        """See ``AbstractStepper.totals``."""
        c = self.space.state[:, 0].flatten(1)
        sums = torch.stack([c.sum(1, dtype=torch.float64), (c * (1 - c)).sum(1, dtype=torch.float64)], 1).tolist()
        return [Attempt(0.0, total, g.mu_rho**2 * rate) for (total, rate), g in zip(sums, self.growths, strict=True)]

    def fields(self, tumour: int, count: int | None = None) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self.space.fields(tumour, self.shape, count)


class _Mirror:
    """Small array in pinned memory of the host and on the device."""

    def __init__(self, shape: tuple[int, ...], kind: torch.dtype, device: torch.device) -> None:
        self.device = torch.zeros(shape, dtype=kind, device=device)
        self._pinned = torch.zeros(shape, dtype=kind, pin_memory=device.type == "cuda")
        self.host: NDArray[Any] = self._pinned.numpy()

    def send(self, index: Any = ...) -> None:
        """Copy to the device."""
        self.device[index].copy_(self._pinned[index], non_blocking=True)

    def fetch(self) -> None:
        """Copy to the host; complete after the stream is synchronised."""
        self._pinned.copy_(self.device, non_blocking=True)


class _Workspace:
    """Device memory of a batch, its mirrors on the host, tiles and graphs."""

    def __init__(self, domain: Domain, tumours: int, fields: int) -> None:
        from gliofit.solver.backends.triton_kernels import SCALARS, TILE

        self.on_gpu = not interpreted()
        self.device = torch.device("cuda" if self.on_gpu else "cpu")
        self.tile = TILE
        kind = torch.from_numpy(np.zeros(0, domain.dtype)).dtype
        box = [-(-n // t) * t for n, t in zip(domain.shape, TILE, strict=True)]
        self.size = (box[0] * box[1] * box[2], box[1] * box[2], box[2])
        self.faces = self.zeros((3, *box), kind)
        for face, source in zip(self.faces, domain.faces, strict=True):
            face[tuple(slice(n) for n in domain.shape)] = torch.from_numpy(source).to(self.device)
        self.buffers = self.zeros((5, tumours, fields, *box), kind)
        self.state, self.coarse, self.start, self.one, self.two = self.buffers

        self.tissue = self.tiles_of(domain.inside)
        most = self.tissue.size
        self.counts = _Mirror((tumours, 3), torch.int32, self.device)
        self.scalars = _Mirror((tumours, 2, SCALARS), kind, self.device)
        self.tiles = _Mirror((tumours, most), torch.int32, self.device)
        self.sums = _Mirror((tumours, 4), torch.float64, self.device)
        self.active_tiles = _Mirror((tumours, most), torch.int8, self.device)
        self.partial = torch.zeros((tumours, 4, most), dtype=torch.float64, device=self.device)
        self.graphs: dict[tuple[int, int, int], Any] = {}
        self.clear()

    def zeros(self, shape: tuple[int, ...], kind: torch.dtype) -> torch.Tensor:
        """Allocate zeros on the device between two slabs of zeros, since kernels read neighbours without checks."""
        guard, length = self.size[1], int(np.prod(shape))
        return torch.zeros(length + 2 * guard, dtype=kind, device=self.device)[guard : guard + length].view(shape)

    def clear(self) -> None:
        """Reset to zero for new tumours."""
        self.buffers.zero_()
        self.counts.host[:] = 0
        self.active_tiles.device.zero_()
        tumours = len(self.state)
        self.active = np.zeros((tumours, *self.tissue.shape), bool)
        self.reached = np.zeros_like(self.active)
        self.length = [0] * tumours
        self.margin = [0] * tumours

    def tiles_of(self, voxels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask of tiles with any of the voxels of a box."""
        out = np.zeros([-(-n // t) for n, t in zip(voxels.shape, self.tile, strict=True)], bool)
        indices = np.unravel_index(np.flatnonzero(voxels), voxels.shape)
        out[tuple(index // t for index, t in zip(indices, self.tile, strict=True))] = True
        return out

    def seed(self, tumour: int, fields: NDArray[Any]) -> None:
        """Set the initial fields of a tumour. Tangents are zero where c is zero, its minimum."""
        occupied = fields[0] != 0
        box = (slice(None), *bounding_box(occupied))
        values = torch.from_numpy(np.ascontiguousarray(fields[box])).to(self.state.dtype)
        self.state[tumour][box] = values.to(self.device)
        self.active[tumour] = self.tiles_of(occupied)

    def reach(self, tumour: int, margin: int) -> None:
        """Extend the tiles of a tumour to ``margin`` voxels around its active tiles."""
        margin = -(-margin // _MARGIN_STEP) * _MARGIN_STEP
        if margin > self.margin[tumour]:
            self.margin[tumour] = margin
            width = [2 * -(-margin // t) + 1 for t in self.tile]
            near = maximum_filter(self.active[tumour], width, mode="constant") & self.tissue
            if (near & ~self.reached[tumour]).any():
                self.reached[tumour] |= near
                tiles = np.flatnonzero(self.reached[tumour])
                self.length[tumour] = len(tiles)
                self.tiles.host[tumour, : len(tiles)] = tiles
                self.tiles.send(tumour)
        self.counts.host[tumour, 0] = self.length[tumour]

    def accept(self, tumour: int) -> None:
        """Set the state of a tumour to its last attempt."""
        box = self.voxels_of(self.reached[tumour])
        self.state[tumour][box] = self.coarse[tumour][box]
        active = self.active_tiles.host[tumour].reshape(self.tissue.shape) != 0
        if (active != self.active[tumour]).any():
            self.active[tumour], self.margin[tumour] = active, 0

    def voxels_of(self, tiles: NDArray[np.bool_]) -> tuple[slice, ...]:
        """Return the box of voxels, for all fields, about the tiles."""
        box = bounding_box(tiles)
        return (slice(None), *(slice(s.start * t, s.stop * t) for s, t in zip(box, self.tile, strict=True)))

    def fields(self, tumour: int, shape: tuple[int, int, int], count: int | None) -> NDArray[Any]:
        """Return the first ``count`` fields of a tumour on a box of the given shape."""
        box = self.voxels_of(self.reached[tumour] | self.active[tumour])
        values = self.state[tumour, :count][box].contiguous().cpu().numpy()
        out = np.zeros((len(values), *shape), values.dtype)
        out[box] = values[tuple(slice(n) for n in out[box].shape)]
        return out

    def run(self) -> NDArray[np.float64]:
        """Attempt a step of all tumours with tiles; results are in ``coarse`` and ``active_tiles``.

        Returns
        -------
        ndarray
            Sums of (fine - coarse)^2, fine^2, c and c (1 - c) with the extrapolated c, shape (B, 4).
        """
        most = self.counts.host.max(0).tolist()
        launched = min(_rounded_up(most[0]), self.tissue.size)
        # Numbers of stages are odd.
        key = (launched, _rounded_up(most[1]) | 1, _rounded_up(most[2]) | 1)
        self.counts.send()
        self.scalars.send()
        if not self.on_gpu:
            self.launch(*key)
        elif key not in self.graphs:
            # The first launch compiles and loads kernels, which must not happen in a capture.
            self.launch(*key)
            self.graphs[key] = None
            if len(self.graphs) > _MOST_GRAPHS:
                del self.graphs[next(iter(self.graphs))]
        else:
            if self.graphs[key] is None:
                self.graphs[key] = graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    self.launch(*key)
            self.graphs[key].replay()
        self.sums.fetch()
        self.active_tiles.fetch()
        if self.on_gpu:
            torch.cuda.current_stream().synchronize()
        return self.sums.host

    def launch(self, launched: int, coarse_stages: int, fine_stages: int) -> None:
        """Queue the kernels of one attempt, with ``launched`` programs per tumour."""
        from gliofit.solver.backends import triton_kernels as kernels

        tumours, fields = self.state.shape[:2]
        grid, most = (launched, tumours), self.tissue.size
        inputs = (*self.faces, self.tiles.device, self.counts.device, self.scalars.device)

        def strang(source: torch.Tensor, one: torch.Tensor, two: torch.Tensor, stages: int, fine: bool) -> None:
            """Take a step from ``source`` to ``one``; ``two``, which may be ``source``, is work space."""
            size = (most, *self.size)
            kernels.first_stage[grid](source, self.start, one, *inputs, int(fine), *size, FIELDS=fields)
            now, last = one, self.start
            for stage in range(2, stages + 1):
                out = two if stage % 2 == 0 else one
                kernels.later_stage[grid](now, last, self.start, out, *inputs, int(fine), stage, *size, FIELDS=fields)
                now, last = out, now

        strang(self.state, self.coarse, self.one, coarse_stages, False)
        strang(self.state, self.one, self.two, fine_stages, True)
        strang(self.one, self.two, self.one, fine_stages, True)
        kernels.combine[grid](
            self.coarse, self.two, *inputs[3:], self.partial, self.active_tiles.device, most, *self.size, FIELDS=fields
        )
        kernels.add_up[(4, tumours)](self.partial, self.sums.device, launched, most)


def _rounded_up(count: int) -> int:
    """Round up to a number with three significant binary digits (at most a quarter more), so that graphs are reused."""
    unit = 1 << max(0, count.bit_length() - 3)
    return -(-count // unit) * unit


_FREE: weakref.WeakKeyDictionary[Domain, list[_Workspace]] = weakref.WeakKeyDictionary()


def _borrow(stepper: TritonStepper, domain: Domain, tumours: int, fields: int) -> _Workspace:
    """Return an idle or new workspace of a domain; it becomes idle when the stepper is deleted."""
    free = _FREE.setdefault(domain, [])
    space = next((s for s in free if s.state.shape[:2] == (tumours, fields)), None)
    if space is None:
        space = _Workspace(domain, tumours, fields)
    else:
        free.remove(space)
        space.clear()

    def give_back() -> None:
        free.append(space)
        del free[:-_MOST_FREE]

    weakref.finalize(stepper, give_back).atexit = False
    return space
