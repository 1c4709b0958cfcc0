"""Comparison of two target volumes with each other and with a recurrence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Volume
from gliofit.core.labels import TumourLabel, whole_tumour_mask
from gliofit.metrics.masks import dice, surface_distances_mm

OVERLAP_COLUMNS = (
    "clinical_cc", "personalised_cc", "dice", "clinical_only_cc", "personalised_only_cc", "surface_mean_mm",
    "surface_95_mm",
)  # fmt: skip

COVERAGE_COLUMNS = (
    "recurrence_cc", "recurrence_all_cc", "coverage_clinical", "coverage_personalised", "coverage_clinical_all",
    "coverage_personalised_all",
)  # fmt: skip


def compare_targets(clinical: Volume, personalised: Volume) -> dict[str, float]:
    """Compute volumes, overlap and surface distances of two masks (bool) on one grid: ``OVERLAP_COLUMNS``."""
    if not clinical.grid.matches(personalised.grid):
        raise ValueError("both targets must lie on one grid")
    a, b = clinical.data.astype(bool), personalised.data.astype(bool)
    cc = clinical.grid.voxel_volume_mm3 / 1000
    mean, high = surface_distances_mm(a, b, clinical.grid.spacing_mm)
    return {
        "clinical_cc": np.count_nonzero(a) * cc,
        "personalised_cc": np.count_nonzero(b) * cc,
        "dice": dice(a, b),
        "clinical_only_cc": np.count_nonzero(a & ~b) * cc,
        "personalised_only_cc": np.count_nonzero(b & ~a) * cc,
        "surface_mean_mm": mean,
        "surface_95_mm": high,
    }


@dataclass(frozen=True, eq=False)
class Recurrence:
    """Masks of the enhancing and of the whole recurrence, on the grid of the images before treatment."""

    enhancing: NDArray[np.bool_]
    whole: NDArray[np.bool_]


def recurrence_of(labels: NDArray[np.uint8]) -> Recurrence:
    """Return the recurrence of a follow-up's ``TumourLabel`` values, with PredictGBM's definition."""
    return Recurrence(labels == TumourLabel.ENHANCING, whole_tumour_mask(labels))


def coverage_columns(clinical: Volume, personalised: Volume, recurrence: Recurrence | None) -> dict[str, float]:
    """Compute ``COVERAGE_COLUMNS``: all NaN without a follow-up, coverage NaN without a recurrence.

    Coverage is the share of the recurrence inside a target. PredictGBM counts patients without recurrence as covered,
    which raises a cohort's mean.
    """
    row = dict.fromkeys(COVERAGE_COLUMNS, float("nan"))
    if recurrence is None:
        return row
    cc = clinical.grid.voxel_volume_mm3 / 1000
    for suffix, mask in (("", recurrence.enhancing), ("_all", recurrence.whole)):
        count = np.count_nonzero(mask)
        row[f"recurrence{suffix}_cc"] = float(count * cc)
        for name, target in (("clinical", clinical), ("personalised", personalised)):
            if count:
                covered = np.count_nonzero(mask & target.data.astype(bool))
                row[f"coverage_{name}{suffix}"] = float(covered / count)
    return row
