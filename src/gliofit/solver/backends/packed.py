"""Storage of fields on tissue only: the rows of a domain, one after the other.

A brain fills a third of its bounding box. Storing only the part of each row that holds tissue, or that lies beside
tissue of a neighbouring row, keeps the arrays of a solve small and contiguous, which is what memory and prefetching
like. Within a row the last axis stays contiguous, and every row begins at a multiple of ``ALIGNMENT`` along it, so that
vector loops have no remainders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gliofit.solver.domain import Domain

__all__ = ["ALIGNMENT", "PackedRows", "aligned_zeros", "pack_rows"]

#: Rows begin and end at multiples of this many voxels: one vector register of float32 at its widest.
ALIGNMENT = 16
_CACHE_LINE = 64


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros that begin on a cache line, so that vector loads of whole rows do not straddle two of them."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    offset = -raw.ctypes.data % _CACHE_LINE
    return raw[offset : offset + size].view(kind).reshape(shape)


@dataclass(frozen=True, eq=False)
class PackedRows:
    """Packed storage of one domain; N voxels are stored.

    Parameters
    ----------
    shape
        Shape of the padded box.
    origin
        Packed index that a row's voxel k = 0 would have, shape (nx, ny), int64.
    low, high
        Span of tissue of each row, widened to multiples of ``ALIGNMENT``; ``high`` is 0 in rows without tissue.
    box_index
        Flat index in the padded box of each stored voxel, -1 for those that lie beyond it, shape (N,).
    faces
        Face coefficients, each of shape (N,).
    """

    shape: tuple[int, int, int]
    origin: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    box_index: NDArray[np.int64]
    faces: tuple[NDArray[Any], ...]

    def pack_faces(self, faces: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        """Stored values of face coefficients, each of shape (N,)."""
        return tuple(self.pack(face) for face in faces)

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Index of the storage for each voxel of the flattened box; 0, which stays zero, for those not stored."""
        place = np.zeros(int(np.prod(self.shape)), np.int64)
        stored = np.flatnonzero(self.box_index >= 0)
        place[self.box_index[stored]] = stored
        return place

    def pack(self, field: NDArray[Any]) -> NDArray[Any]:
        """Stored voxels of a field (..., nx, ny, nz) on the padded box that is zero outside tissue, shape (..., N)."""
        flat = field.reshape(-1, int(np.prod(self.shape)))
        out = aligned_zeros((len(flat), len(self.box_index)), field.dtype)
        # Seeds are zero nearly everywhere: copy what is there rather than look everything up.
        place = self.place
        for target, source in zip(out, flat, strict=True):
            some = np.flatnonzero(source)
            target[place[some]] = source[some]
        return out.reshape(*field.shape[:-3], len(self.box_index))

    def unpack(self, packed: NDArray[Any]) -> NDArray[Any]:
        """Field on the padded box, shape (..., nx, ny, nz), zero where nothing is stored."""
        return packed[..., self.place.reshape(self.shape)]


_KNOWN: WeakKeyDictionary[Domain, PackedRows] = WeakKeyDictionary()


def pack_rows(domain: Domain) -> PackedRows:
    """Packed storage of a domain, kept while the domain lives."""
    known = _KNOWN.get(domain)
    if known is not None:
        return known
    nx, ny, nz = domain.shape
    some = domain.row_high > domain.row_low
    longest = -(-nz // ALIGNMENT) * ALIGNMENT
    low = np.where(some, domain.row_low // ALIGNMENT * ALIGNMENT, longest).astype(np.int64)
    high = np.where(some, -(-domain.row_high // ALIGNMENT) * ALIGNMENT, 0).astype(np.int64)
    # A row is read by its four neighbours wherever they have tissue; the padding makes the roll harmless.
    stored_low, stored_high = low.copy(), high.copy()
    for axis in (0, 1):
        for shift in (1, -1):
            stored_low = np.minimum(stored_low, np.roll(low, shift, axis))
            stored_high = np.maximum(stored_high, np.roll(high, shift, axis))
    length = np.maximum(stored_high - stored_low, 0)
    begin = ALIGNMENT + np.concatenate([[0], np.cumsum(length.ravel())[:-1]]).reshape(nx, ny)
    stored = int(length.sum()) + 2 * ALIGNMENT
    origin = begin - stored_low
    box_index = np.full(stored, -1, np.int64)
    row = np.repeat(np.arange(nx * ny), length.ravel())
    position = np.arange(ALIGNMENT, stored - ALIGNMENT)
    k = position - origin.ravel()[row]
    box_index[ALIGNMENT : stored - ALIGNMENT] = np.where(k < nz, row * nz + k, -1)
    packed = PackedRows((nx, ny, nz), origin, low, high, box_index, ())
    packed = PackedRows((nx, ny, nz), origin, low, high, box_index, packed.pack_faces(domain.faces))
    _KNOWN[domain] = packed
    return packed
