"""Volumes embedded in pages: cropped to the brain, one byte per voxel, compressed."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import canonical_grid
from gliofit.core.grid import Grid, Volume, bounding_box

#: Margin around the brain in voxels.
_MARGIN = 2
#: Grey levels of an MRI; more would double its size and show only noise.
_GREYS = 63
#: Percentage of brightest voxels of an MRI that are saturated.
_BRIGHTEST = 0.1


@dataclass(frozen=True, eq=False)
class Quantised:
    """Values stored in one byte each: ``intercept + slope * raw``, ``raw`` with the grid's shape."""

    raw: NDArray[np.uint8]
    slope: float = 1.0
    intercept: float = 0.0


def quantised_range(data: NDArray[Any], low: float, high: float) -> Quantised:
    """Quantise values in 255 steps from ``low`` to ``high``; 254 steps with zero in the middle if ``low`` is negative.

    Values outside are clipped.
    """
    slope = (high - low) / (254 if low < 0 else 255)
    return Quantised(np.rint((np.clip(data, low, high) - low) / slope).astype(np.uint8), slope, low)


def quantised_image(data: NDArray[Any]) -> tuple[Quantised, tuple[float, float]]:
    """Quantise an MRI in 63 greys up to its 99.9th percentile, and return its window (1st to 99.5th percentile).

    Percentiles are those of non-zero voxels.
    """
    inside = data[data != 0]
    if inside.size == 0:
        return Quantised(np.zeros(data.shape, np.uint8)), (0.0, 1.0)
    low, high = min(0.0, float(inside.min())), float(np.percentile(inside, 100 - _BRIGHTEST))
    if high <= low:
        high = low + 1
    slope = (high - low) / _GREYS
    raw = np.rint((np.clip(data, low, high) - low) / slope).astype(np.uint8)
    first, last = (float(value) for value in np.percentile(inside, [1, 99.5]))
    # The background is darker than the darkest tissue, as in ``grey_values``.
    return Quantised(raw, slope, low), (first - 0.1 * (last - first), last if last > first else first + 1)


@dataclass(frozen=True, eq=False)
class ViewerBox:
    """Part of a case's canonical (RAS) grid shown in a viewer: grid of the files, and slices of its arrays."""

    source: Grid
    sides: tuple[slice, slice, slice]

    @classmethod
    def around(cls, mask: Volume) -> ViewerBox:
        """Create the box around a mask with a margin of 2 voxels; the whole grid if the mask is empty."""
        inside = mask.canonical().data.astype(bool)
        if not inside.any():
            inside = np.ones(inside.shape, bool)
        sides = [
            slice(max(0, side.start - _MARGIN), min(size, side.stop + _MARGIN))
            for side, size in zip(bounding_box(inside), inside.shape, strict=True)
        ]
        return cls(mask.grid, (sides[0], sides[1], sides[2]))

    @property
    def grid(self) -> Grid:
        """Grid of the box, with axes towards right, anterior and superior."""
        starts, lengths = [side.start for side in self.sides], [side.stop - side.start for side in self.sides]
        return canonical_grid(self.source).crop(starts, lengths)

    def cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Cut the box from an array on the case's grid."""
        return Volume(data, self.source).canonical().data[self.sides]

    def pack(self, values: Quantised) -> str:
        """Encode values of the box as a compressed NIfTI-1 file in base64, reproducible to the byte."""
        import nibabel as nib

        header = nib.Nifti1Header(endianness="<")
        header.set_data_shape(values.raw.shape)
        header.set_data_dtype(np.uint8)
        header.set_xyzt_units("mm")
        header.set_sform(self.grid.affine, code=1)
        header.set_qform(self.grid.affine, code=1)
        header["magic"], header["vox_offset"] = b"n+1", 352
        header["scl_slope"], header["scl_inter"] = values.slope, values.intercept
        # Four zero bytes: the header has no extension.
        content = header.binaryblock + bytes(4) + values.raw.tobytes(order="F")
        return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")
