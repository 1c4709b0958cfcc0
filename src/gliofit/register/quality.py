"""Quality of a registration: measures, verdict, and the table of criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid
from gliofit.core.labels import TissueLabel
from gliofit.register.settings import RegisterSettings

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])

#: Largest shares of the tumour in warped CSF, and outside the brain, of a registration without visual check.
CSF_SHARE, OUTSIDE_SHARE = 0.15, 0.05
#: The same for the local volume change of the deformation (without the affine part).
JACOBIAN_RANGE = (0.1, 8.0)
#: The same for the loss of correlation of T1 by the deformation.
LOST_CORRELATION = 0.01


def correlation(a: NDArray[np.floating], b: NDArray[np.floating], where: NDArray[np.bool_]) -> float:
    """Return the Pearson correlation of two images inside a mask; NaN if one is constant there."""
    x, y = a[where].astype(np.float64), b[where].astype(np.float64)
    if x.size < 2 or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def mutual_information(
    a: NDArray[np.floating], b: NDArray[np.floating], where: NDArray[np.bool_], bins: int = 48
) -> float:
    """Return mutual information in bits inside a mask, by a joint histogram between the 1st and 99th percentiles."""
    x, y = a[where], b[where]
    if x.size < 2:
        return float("nan")
    edges = [np.percentile(values, (1, 99)) for values in (x, y)]
    if any(low == high for low, high in edges):
        return float("nan")
    clipped = [np.clip(values, low, high) for values, (low, high) in zip((x, y), edges, strict=True)]
    joint, _, _ = np.histogram2d(clipped[0], clipped[1], bins=bins)
    p = joint / joint.sum()
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    used = p > 0
    return float((p[used] * np.log2(p[used] / independent[used])).sum())


def contrast(image: NDArray[np.floating], bright: NDArray[np.bool_], dark: NDArray[np.bool_]) -> float:
    """Return the difference of an image's means in two tissues over their pooled standard deviation.

    The registration does not optimise it, so it independently measures the agreement of warped and actual tissue.
    """
    x, y = image[bright], image[dark]
    if x.size < 2 or y.size < 2:
        return float("nan")
    spread = np.sqrt((x.var(dtype=np.float64) + y.var(dtype=np.float64)) / 2)
    return float((x.mean(dtype=np.float64) - y.mean(dtype=np.float64)) / spread) if spread > 0 else float("nan")


def jacobian_determinant(displacement_lps: NDArray[np.floating], grid: Grid) -> NDArray[np.float32]:
    """Return the local volume change of x -> x + u(x), shape ``grid.shape``.

    The displacements u are in LPS mm, shape ``(*grid.shape, 3)``.
    """
    per_voxel = np.linalg.inv(RAS_TO_LPS @ grid.affine[:3, :3])
    slopes = [np.gradient(displacement_lps[..., component].astype(np.float32)) for component in range(3)]
    matrix = np.empty((*grid.shape, 3, 3), np.float32)
    for component in range(3):
        for axis in range(3):
            matrix[..., component, axis] = sum(
                slopes[component][k] * np.float32(per_voxel[k, axis]) for k in range(3) if per_voxel[k, axis] != 0
            )
        matrix[..., component, component] += 1
    return np.asarray(np.linalg.det(matrix))


def verdict(
    numbers: dict[str, float], settings: RegisterSettings, failure: str = ""
) -> tuple[Literal["ok", "borderline", "poor"], str]:
    """Rate a registration by its quality measures, the columns of ``qc.parquet``.

    ``failure`` is the reason why the deformable step failed, empty if it succeeded.

    Returns
    -------
    status : str
        ``ok``: use it. ``borderline``: inspect the picture first. ``poor``: do not use it.
    message : str
        Reasons, separated by semicolons.
    """
    poor, doubtful = [], []
    if failure:
        poor.append(f"the deformable step failed ({failure}): affine registration only")
    overlap = numbers["brain_dice"]
    if overlap < settings.poor_dice:
        poor.append(f"brain-mask Dice {overlap:.3f} is below {settings.poor_dice:g}")
    elif overlap < settings.good_dice:
        doubtful.append(f"brain-mask Dice {overlap:.3f} is below {settings.good_dice:g}")
    if numbers["jacobian_folded_share"] > 0:
        poor.append(f"the deformation folds in {numbers['jacobian_folded_share']:.2%} of the brain")
    elif not JACOBIAN_RANGE[0] <= numbers["jacobian_min"] <= numbers["jacobian_max"] <= JACOBIAN_RANGE[1]:
        doubtful.append(f"local volume change {numbers['jacobian_min']:.2f} to {numbers['jacobian_max']:.2f}")
    if numbers["correlation"] < numbers["correlation_affine"] - LOST_CORRELATION:
        doubtful.append("the deformation lowered the correlation")
    if numbers["tumour_outside_brain_share"] > OUTSIDE_SHARE:
        doubtful.append(f"{numbers['tumour_outside_brain_share']:.1%} of the tumour lies outside the brain")
    if numbers["tumour_csf_share"] > CSF_SHARE:
        doubtful.append(f"{numbers['tumour_csf_share']:.1%} of the tumour lies in warped CSF")
    if numbers["contrast_white_grey"] < 0:
        doubtful.append("T1 is not brighter in warped white matter than in grey matter")
    status: Literal["ok", "borderline", "poor"] = "poor" if poor else "borderline" if doubtful else "ok"
    return status, "; ".join(poor + doubtful)


def tumour_shares(
    labels: NDArray[np.uint8], brain: NDArray[np.bool_], tumour: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the shares of the tumour's voxels that are CSF in the warped atlas, and that are outside the brain."""
    inside = labels[tumour]
    return float(np.mean(inside == TissueLabel.CSF)), float(1 - brain[tumour].mean())


@dataclass(frozen=True)
class Criterion:
    """A quality criterion with the patient's value and the ranges of three ratings (empty if one does not occur)."""

    name: str
    value: str
    good: str
    borderline: str
    poor: str


def criteria(checks: Mapping[str, Any], settings: RegisterSettings) -> list[Criterion]:
    """List the criteria of ``verdict`` with a patient's values, from a row of ``qc.parquet``."""
    good, poor = settings.good_dice, settings.poor_dice
    low, high = JACOBIAN_RANGE
    gain = float(checks["correlation"]) - float(checks["correlation_affine"])
    return [
        Criterion(
            "Overlap of the brain masks (Dice)", f"{checks['brain_dice']:.3f}",
            f"{good:g} and more", f"{poor:g} to {good:g}", f"under {poor:g}",
        ),
        Criterion(
            "Folding of the deformation (share of the brain)", f"{checks['jacobian_folded_share']:.2%}", "none", "",
            "any",
        ),
        Criterion(
            "Local volume change by the deformation", f"{checks['jacobian_min']:.2f} to {checks['jacobian_max']:.2f}",
            f"within {low:g} to {high:g}", "beyond", "",
        ),
        Criterion(
            "Correlation of T1 with the warped atlas, gained by the deformation", f"{gain:+.2f}".replace("-", "−"),
            f"−{LOST_CORRELATION:g} and more", "less", "",
        ),
        Criterion(
            "Tumour outside the brain", f"{checks['tumour_outside_brain_share']:.1%}", f"up to {OUTSIDE_SHARE:.0%}",
            "more", "",
        ),
        Criterion(
            "Tumour in the atlas' CSF", f"{checks['tumour_csf_share']:.1%}", f"up to {CSF_SHARE:.0%}", "more", "",
        ),
        Criterion(
            "White matter brighter than grey in T1 (contrast)",
            f"{checks['contrast_white_grey']:.2f}".replace("-", "−"), "0 and more", "under 0", "",
        ),
    ]  # fmt: skip
