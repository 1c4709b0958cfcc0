"""Packed storage of fields: the tissue rows of a domain, one after the other.

A brain fills a third of its bounding box. Only the part of each row with tissue in it or in a neighbouring row is
stored, which keeps arrays small and contiguous. Rows begin at multiples of ``ALIGNMENT`` along the last axis, so that
vector loops have no remainder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gliofit.solver.domain import Domain

#: Rows begin and end at multiples of this many voxels: one vector register of float32 at its widest.
ALIGNMENT = 16
_CACHE_LINE = 64


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Allocate zeros that begin at a cache line, so that vector loads do not span two lines."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    offset = -raw.ctypes.data % _CACHE_LINE
    aligned: NDArray[Any] = raw[offset : offset + size].view(dtype).reshape(shape)
    return aligned


@dataclass(frozen=True, eq=False)
class PackedRows:
    """Packed storage of one domain with N voxels."""

    #: Packed index of a row's (possibly not stored) voxel k = 0, shape (nx, ny).
    origin: NDArray[np.int64]
    #: Span of tissue of each row, extended to multiples of ``ALIGNMENT``; ``high`` is 0 in rows without tissue.
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    #: Packed index of each voxel of the box, of its shape; 0, which stays zero, for voxels that are not stored.
    place: NDArray[np.int64]
    #: N.
    size: int
    #: Face coefficients, each of shape (N,).
    faces: tuple[NDArray[Any], ...] = ()

    def pack_faces(self, faces: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        """Pack face coefficients, each to shape (N,)."""
        return tuple(self.pack(face) for face in faces)

    def pack(self, field: NDArray[Any]) -> NDArray[Any]:
        """Pack a field (..., nx, ny, nz) that is zero outside tissue to shape (..., N)."""
        flat, place = field.reshape(-1, self.place.size), self.place.ravel()
        out = aligned_zeros((len(flat), self.size), field.dtype)
        # Seeds are zero nearly everywhere, so that copying only non-zero voxels is faster.
        for target, source in zip(out, flat, strict=True):
            nonzero = np.flatnonzero(source)
            target[place[nonzero]] = source[nonzero]
        return out.reshape(*field.shape[:-3], self.size)

    def unpack(self, packed: NDArray[Any]) -> NDArray[Any]:
        """Unpack a field to shape (..., nx, ny, nz), zero where no voxel is stored."""
        return packed[..., self.place]


_CACHE: WeakKeyDictionary[Domain, PackedRows] = WeakKeyDictionary()


def pack_rows(domain: Domain) -> PackedRows:
    """Return the packed storage of a domain, cached for the lifetime of the domain."""
    if domain in _CACHE:
        return _CACHE[domain]
    nx, ny, nz = domain.shape
    filled = domain.row_high > domain.row_low
    longest = -(-nz // ALIGNMENT) * ALIGNMENT
    low = np.where(filled, domain.row_low // ALIGNMENT * ALIGNMENT, longest).astype(np.int64)
    high = np.where(filled, -(-domain.row_high // ALIGNMENT) * ALIGNMENT, 0).astype(np.int64)
    # The four neighbours of a row read it where they have tissue. Padding makes the periodic roll harmless.
    stored_low, stored_high = low.copy(), high.copy()
    for axis in (0, 1):
        for shift in (1, -1):
            stored_low = np.minimum(stored_low, np.roll(low, shift, axis))
            stored_high = np.maximum(stored_high, np.roll(high, shift, axis))
    length = np.maximum(stored_high - stored_low, 0)
    begin = ALIGNMENT + np.concatenate([[0], np.cumsum(length.ravel())[:-1]]).reshape(nx, ny)
    origin = begin - stored_low
    row = np.repeat(np.arange(nx * ny), length.ravel())
    position = ALIGNMENT + np.arange(len(row))
    k = position - origin.ravel()[row]
    place = np.zeros((nx * ny, nz), np.int64)
    place[row[k < nz], k[k < nz]] = position[k < nz]
    packed = PackedRows(origin, low, high, place.reshape(domain.shape), len(row) + 2 * ALIGNMENT)
    return _CACHE.setdefault(domain, replace(packed, faces=packed.pack_faces(domain.faces)))
