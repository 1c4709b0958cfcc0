"""Clinical target volumes (CTV) by a margin around the tumour and by a level set of a tumour-cell map."""

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

#: Region inside the margin.
Region = Literal["core", "whole"]


@dataclass(frozen=True, eq=False)
class Target:
    """A target volume: its mask (bool) on the patient's grid, and notes for the message of the results row.

    ``level`` is the concentration at the border of a personalised target, which contains every allowed voxel above it;
    NaN for a clinical target.
    """

    mask: Volume
    notes: tuple[str, ...] = ()
    level: float = float("nan")

    @property
    def volume_mm3(self) -> float:
        """Volume of the target in mm^3."""
        return np.count_nonzero(self.mask.data) * self.mask.grid.voxel_volume_mm3


def brain_of_tissue(tissue: Tissue) -> Volume:
    """Return the brain mask of a tissue map: white matter, grey matter and CSF, with enclosed holes filled."""
    from scipy.ndimage import binary_fill_holes

    return Volume(binary_fill_holes(tissue.labels > TissueLabel.BACKGROUND), tissue.grid)


def gross_tumour(segmentation: Volume, region: Region = "core") -> NDArray[np.bool_]:
    """Return the gross tumour volume (GTV) of ``TumourLabel`` values: the core (all but oedema) or the whole tumour."""
    return core_mask(segmentation.data) if region == "core" else whole_tumour_mask(segmentation.data)


def clinical_target(
    segmentation: Volume,
    brain: Volume,
    margin_mm: float = 15.0,
    barriers: Volume | None = None,
    region: Region = "core",
) -> Target:
    """Compute the clinical target: the brain within a margin of the gross tumour.

    The ESTRO-EANO guideline recommends 15 mm for glioblastoma (Niyazi et al., Radiother Oncol 184:109663, 2023), the
    previous ESTRO-ACROP guideline 20 mm (Radiother Oncol 118:35, 2016). Without barriers the distance is Euclidean and
    the mask is restricted to the brain, like PredictGBM's standard plan (in mm, not in voxels). With barriers it is
    the length of the shortest path inside the brain that crosses none (``geodesic_distance_mm``).

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values on the patient's grid.
    brain
        Brain mask (bool) on the same grid. Tumour voxels outside are ignored.
    margin_mm
        Distance between voxel centres; 0 gives the gross tumour.
    barriers
        Mask (bool) on the same grid of barriers to cells: falx, tentorium, ventricles. Barrier voxels are not in the
        target unless they are tumour.
    region
        Tumour core or whole tumour.

    Raises
    ------
    InputError
        If the margin is negative, the grids differ, or no tumour of the region is in the brain.
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
    outside = np.count_nonzero(tumour) - np.count_nonzero(inside)
    notes = (f"{outside} voxels of the {what} outside the brain left out",) if outside else ()

    # The box contains the margin, and distances in it are those of the whole image.
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
    """Return a box inside the grid that contains a margin around a mask and 3 more voxels."""
    margins = [int(np.ceil(margin_mm / step)) + 3 for step in grid.spacing_mm]
    return tuple(
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, margin, size in zip(bounding_box(mask), margins, grid.shape, strict=True)
    )


_OTHER_REGION = {
    "core": "draw the margin around the whole tumour, or segment again",
    "whole": "segment the tumour again",
}


def bridge_gaps(concentration: Volume, allowed: Volume, reach_mm: float) -> Volume:
    """Give voxels without cells the concentration of the nearest voxel with cells.

    A growth model has no cells in CSF, and the CSF of a warped atlas is several mm from its true position. Level sets
    would have holes along sulci and within the tumour, which a treatment cannot reproduce.

    Parameters
    ----------
    concentration
        Tumour-cell concentration on the patient's grid.
    allowed
        Mask (bool) on the same grid of the voxels to fill.
    reach_mm
        Largest distance between voxel centres. Gaps up to twice this width are closed; wider ones, such as ventricles,
        stay open in the middle.
    """
    from scipy.ndimage import distance_transform_edt

    empty = concentration.data <= 0
    if reach_mm <= 0 or empty.all():
        return concentration
    box = _box(~empty, concentration.grid, reach_mm)
    part = concentration.data[box]
    distance, nearest = distance_transform_edt(part <= 0, sampling=concentration.grid.spacing_mm, return_indices=True)
    fill = allowed.data[box].astype(bool) & (part <= 0) & (distance <= reach_mm + TOLERANCE_MM)
    data = concentration.data.copy()
    data[box] = np.where(fill, part[tuple(nearest)], part)
    return Volume(data, concentration.grid)


def personalised_target(
    concentration: Volume, volume_mm3: float, allowed: Volume, keep: NDArray[np.bool_] | None = None
) -> Target:
    """Compute the personalised target: the level set of a tumour-cell map with a given volume, to one voxel.

    The target consists of the voxels with the highest concentrations. Voxels of equal concentration at the border
    (often zero, ahead of the front) are ordered by their distance to the voxels above it, then by their array index,
    so that equal input gives equal targets. PredictGBM also takes the highest voxels, with ties in array order, and
    orders all voxels by distance if the target would contain zeros.

    Parameters
    ----------
    concentration
        Tumour-cell concentration on the patient's grid.
    volume_mm3
        Volume of the target: that of the clinical target.
    allowed
        Mask (bool) on the same grid of the possible voxels: the brain without barriers.
    keep
        Mask of voxels that are always in the target, the gross tumour; voxels that are not allowed are ignored.

    Raises
    ------
    InputError
        If the grids differ, or the volume is smaller than ``keep`` or larger than ``allowed``.
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
        problem = f"the tumour is larger than the target volume of {volume_mm3 / 1000:.1f} cc"
        raise InputError("plan", problem, "use a larger margin, or do not keep the tumour")
    if missing > np.count_nonzero(free):
        problem = f"the brain is smaller than the target volume of {volume_mm3 / 1000:.1f} cc"
        raise InputError("plan", problem, "check the brain mask")
    if missing == 0:
        return Target(Volume(chosen, grid))
    values = np.asarray(concentration.data[free])
    level = np.partition(values, values.size - missing)[values.size - missing]
    chosen |= free & (concentration.data > level)
    tied = np.flatnonzero(free & (concentration.data == level))
    rest = count - np.count_nonzero(chosen)
    if rest < tied.size:
        distances = distance_mm(chosen, grid.spacing_mm).ravel()[tied]
        tied = tied[np.argsort(distances, kind="stable")[:rest]]
    chosen.ravel()[tied] = True
    notes: tuple[str, ...] = ()
    if level <= 0:
        notes = (f"{rest} voxels without tumour cells taken by distance, because the map has fewer voxels with cells",)
    return Target(Volume(chosen, grid), notes, float(level))
