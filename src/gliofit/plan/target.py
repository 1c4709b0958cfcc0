"""Clinical target volumes (CTV): a margin around the tumour, and the level set of a tumour-cell map of equal volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume, bounding_box
from gliofit.core.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.core.tissue import Tissue
from gliofit.plan.distance import TOLERANCE_MM, distance_mm, geodesic_distance_mm

__all__ = [
    "Region",
    "Target",
    "brain_of_tissue",
    "bridge_gaps",
    "clinical_target",
    "gross_tumour",
    "personalised_target",
]

#: What the margin is drawn around.
Region = Literal["core", "whole"]


@dataclass(frozen=True, eq=False)
class Target:
    """A target volume.

    Parameters
    ----------
    mask
        Voxels of the target (bool), on the patient's grid.
    notes
        What had to be decided, for the message of the results row.
    level
        Concentration at the border of a personalised target: every voxel above it that may be in the target is. NaN for
        one drawn by a margin.
    """

    mask: Volume
    notes: tuple[str, ...] = ()
    level: float = float("nan")

    @property
    def volume_mm3(self) -> float:
        """Volume of the target in mm^3."""
        return np.count_nonzero(self.mask.data) * self.mask.grid.voxel_volume_mm3


def brain_of_tissue(tissue: Tissue) -> Volume:
    """Brain mask of a tissue map: white matter, grey matter and CSF, with enclosed holes filled."""
    from scipy.ndimage import binary_fill_holes

    return Volume(binary_fill_holes(tissue.labels > TissueLabel.BACKGROUND), tissue.grid)


def gross_tumour(segmentation: Volume, region: Region = "core") -> NDArray[np.bool_]:
    """Gross tumour volume (GTV): the core (enhancing and necrotic; everything but oedema) or the whole tumour.

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values.
    region
        ``core`` or ``whole``.

    Returns
    -------
    Mask of the segmentation's shape.
    """
    return core_mask(segmentation.data) if region == "core" else whole_tumour_mask(segmentation.data)


def clinical_target(
    segmentation: Volume,
    brain: Volume,
    margin_mm: float = 15.0,
    barriers: Volume | None = None,
    region: Region = "core",
) -> Target:
    """The clinical standard: everything in the brain within a margin of the gross tumour.

    15 mm is what the ESTRO-EANO guideline advises for glioblastoma (Niyazi et al., Radiother Oncol 184:109663, 2023),
    20 mm what the ESTRO-ACROP guideline did before (Radiother Oncol 118:35, 2016). Without barriers the distance is
    Euclidean and the mask is then cut to the brain, as PredictGBM's standard plan is (in mm here, not in voxels). With
    barriers it is the length of the shortest path inside the brain that crosses none (``geodesic_distance_mm``).

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values on the patient's grid.
    brain
        Brain mask (bool) on the same grid. Tumour voxels outside are left out.
    margin_mm
        Distance between voxel centres; 0 gives the gross tumour itself.
    barriers
        Mask (bool) on the same grid of what cells do not cross: falx, tentorium, ventricles. Barrier voxels are not in
        the target unless they are tumour.
    region
        Whether the margin is drawn around the tumour core or the whole tumour.

    Raises
    ------
    InputError
        If the margin is negative, the grids differ, or no tumour of the region lies in the brain.
    """
    if not (np.isfinite(margin_mm) and margin_mm >= 0):
        raise InputError("margin", f"is {margin_mm:g} mm", "give zero or more")
    grid = segmentation.grid
    for name, volume in (("brain mask", brain), ("barriers", barriers)):
        if volume is not None and not volume.grid.matches(grid):
            raise InputError(name, "lies on another grid than the segmentation", "resample it onto that grid")
    tumour = gross_tumour(segmentation, region)
    what = "tumour core" if region == "core" else "tumour"
    if not tumour.any():
        raise InputError("segmentation", f"holds no {what}", _OTHER_REGION[region])
    inside = tumour & brain.data
    if not inside.any():
        raise InputError("segmentation", f"the {what} lies outside the brain", "check that both are on one grid")
    lost = np.count_nonzero(tumour) - np.count_nonzero(inside)
    notes = (f"{lost} voxels of the {what} outside the brain left out",) if lost else ()

    # Nothing beyond this box can be within the margin, and distances in it are those of the whole image.
    box = _box(inside, grid, margin_mm)
    if barriers is None:
        near = distance_mm(inside[box], grid.spacing_mm)
    else:
        allowed = brain.data[box] & (~barriers.data[box].astype(bool) | inside[box])
        near = geodesic_distance_mm(inside[box], allowed, grid.spacing_mm, margin_mm)
    mask = np.zeros(grid.shape, bool)
    mask[box] = (near <= margin_mm + TOLERANCE_MM) & brain.data[box]
    return Target(Volume(mask, grid), notes)


def _box(mask: NDArray[np.bool_], grid: Grid, margin_mm: float) -> tuple[slice, ...]:
    """Everything within a margin of a mask, and some voxels more, as far as the grid goes."""
    reach = [int(np.ceil(margin_mm / step)) + 3 for step in grid.spacing_mm]
    return tuple(
        slice(max(0, part.start - more), min(size, part.stop + more))
        for part, more, size in zip(bounding_box(mask), reach, grid.shape, strict=True)
    )


_OTHER_REGION = {
    "core": "draw the margin around the whole tumour, or segment again",
    "whole": "segment the tumour again",
}


def bridge_gaps(concentration: Volume, allowed: Volume, reach_mm: float) -> Volume:
    """Give voxels without cells the concentration of the nearest voxel with cells.

    A growth model has no cells in CSF, and where tissue is that of a warped atlas, CSF lies in the wrong place by some
    mm: level sets have holes along sulci and within the tumour, which no treatment could follow.

    Parameters
    ----------
    concentration
        Tumour-cell concentration on the patient's grid.
    allowed
        Mask (bool) on the same grid of the voxels to fill: what may be in a target.
    reach_mm
        Distance between voxel centres up to which they are filled, so that gaps of twice this width close. What is
        wider, ventricles for example, stays open in the middle.
    """
    from scipy.ndimage import distance_transform_edt

    empty = concentration.data <= 0
    if reach_mm <= 0 or empty.all():
        return concentration
    box = _box(~empty, concentration.grid, reach_mm)
    part = concentration.data[box]
    away, nearest = distance_transform_edt(part <= 0, sampling=concentration.grid.spacing_mm, return_indices=True)
    fill = allowed.data[box].astype(bool) & (part <= 0) & (away <= reach_mm + TOLERANCE_MM)
    data = concentration.data.copy()
    data[box] = np.where(fill, part[tuple(nearest)], part)
    return Volume(data, concentration.grid)


def personalised_target(
    concentration: Volume, volume_mm3: float, allowed: Volume, keep: NDArray[np.bool_] | None = None
) -> Target:
    """The level set of a tumour-cell map that has a given volume, to one voxel.

    The voxels with the highest concentrations are taken until the volume is reached. Among voxels of the very same
    concentration at the border (often zero, ahead of the front), those nearest to what is taken already come first, and
    then those that come first in the array: the same input gives the same target. PredictGBM takes the highest voxels
    as well, with ties in the array's order, and falls back to distances altogether where zeros would be taken.

    Parameters
    ----------
    concentration
        Tumour-cell concentration on the patient's grid.
    volume_mm3
        Volume to match: that of the clinical target.
    allowed
        Mask (bool) on the same grid of what may be in the target: the brain, without barriers.
    keep
        Voxels of the concentration's shape that are always in the target, the gross tumour; those that are not allowed
        do not count. None: nothing is.

    Raises
    ------
    InputError
        If the grids differ, or the volume is smaller than what is kept or larger than what is allowed.
    """
    grid = concentration.grid
    if not allowed.grid.matches(grid):
        raise InputError("concentration", "lies on another grid than the brain", "resample it onto that grid")
    count = round(volume_mm3 / grid.voxel_volume_mm3)
    inside = allowed.data.astype(bool)
    chosen = np.zeros(grid.shape, bool) if keep is None else keep & inside
    missing = count - np.count_nonzero(chosen)
    free = inside & ~chosen
    if missing < 0:
        raise InputError(
            "plan", f"the tumour alone is larger than the {volume_mm3 / 1000:.1f} cc to match",
            "use a larger margin, or do not keep the tumour",
        )  # fmt: skip
    if missing > np.count_nonzero(free):
        raise InputError(
            "plan", f"the brain is smaller than the {volume_mm3 / 1000:.1f} cc to match", "check the brain mask"
        )
    if missing == 0:
        return Target(Volume(chosen, grid))
    values = np.asarray(concentration.data[free])
    level = np.partition(values, values.size - missing)[values.size - missing]
    chosen |= free & (concentration.data > level)
    tied = np.flatnonzero(free & (concentration.data == level))
    rest = count - np.count_nonzero(chosen)
    if rest < tied.size:
        near = distance_mm(chosen, grid.spacing_mm).ravel()[tied]
        tied = tied[np.argsort(near, kind="stable")[:rest]]
    chosen.ravel()[tied] = True
    notes: tuple[str, ...] = ()
    if level <= 0:
        notes = (f"{rest} voxels without tumour cells taken by distance: the map holds fewer than the volume needs",)
    return Target(Volume(chosen, grid), notes, float(level))
