"""How good a registration is, in numbers, and the verdict they lead to."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid
from gliofit.core.labels import TissueLabel
from gliofit.register.settings import RegisterSettings

__all__ = [
    "CSF_SHARE",
    "JACOBIAN_RANGE",
    "LOST_CORRELATION",
    "OUTSIDE_SHARE",
    "contrast",
    "correlation",
    "dice",
    "jacobian_determinant",
    "mutual_information",
    "verdict",
]

_LPS = np.diag([-1.0, -1.0, 1.0])

#: Shares of the tumour that lie in warped CSF, or outside the brain, above which a person should look.
CSF_SHARE, OUTSIDE_SHARE = 0.15, 0.05
#: Local volume change (of the deformation, without the affine part) beyond which a person should look.
JACOBIAN_RANGE = (0.1, 8.0)
#: Correlation of T1 that the deformation may lose before a person should look.
LOST_CORRELATION = 0.01


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice overlap; 1 for two empty masks."""
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else float(2 * int((a & b).sum()) / total)


def correlation(a: NDArray[np.floating], b: NDArray[np.floating], where: NDArray[np.bool_]) -> float:
    """Pearson correlation of two images inside a mask; NaN if one of them is constant there."""
    x, y = a[where].astype(np.float64), b[where].astype(np.float64)
    if x.size < 2 or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def mutual_information(
    a: NDArray[np.floating], b: NDArray[np.floating], where: NDArray[np.bool_], bins: int = 48
) -> float:
    """Mutual information in bits inside a mask, from a joint histogram between the 1st and 99th percentiles."""
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
    """Difference of an image's means in two tissues over their pooled standard deviation.

    The registration does not optimise it, so it says from outside whether warped tissue lies on the patient's.
    """
    x, y = image[bright], image[dark]
    if x.size < 2 or y.size < 2:
        return float("nan")
    spread = np.sqrt((x.var(dtype=np.float64) + y.var(dtype=np.float64)) / 2)
    return float((x.mean(dtype=np.float64) - y.mean(dtype=np.float64)) / spread) if spread > 0 else float("nan")


def jacobian_determinant(displacement_lps: NDArray[np.floating], grid: Grid) -> NDArray[np.float32]:
    """Local volume change of x -> x + u(x), for displacements in mm along left, posterior, superior.

    Parameters
    ----------
    displacement_lps
        Shape ``(*grid.shape, 3)``.
    grid
        Grid of the field.
    """
    per_voxel = np.linalg.inv(_LPS @ grid.affine[:3, :3])
    slopes = [np.gradient(displacement_lps[..., component].astype(np.float32)) for component in range(3)]
    matrix = np.empty((*grid.shape, 3, 3), np.float32)
    for component in range(3):
        for axis in range(3):
            matrix[..., component, axis] = sum(
                slopes[component][k] * np.float32(per_voxel[k, axis]) for k in range(3) if per_voxel[k, axis] != 0
            )
        matrix[..., component, component] += 1
    return np.linalg.det(matrix)


def verdict(
    numbers: dict[str, float], settings: RegisterSettings, failure: str = ""
) -> tuple[Literal["ok", "borderline", "poor"], str]:
    """Status of a registration, and the reasons for it.

    ``ok``: use it. ``borderline``: look at the picture before you do. ``poor``: do not use it. A registration without
    its deformable step is poor, ``failure`` being why there is none.
    """
    poor, doubtful = [], []
    if failure:
        poor.append(f"the deformable step failed ({failure}): affine registration alone")
    overlap = numbers["brain_dice"]
    if overlap < settings.poor_dice:
        poor.append(f"brain-mask Dice {overlap:.3f} is under {settings.poor_dice:g}")
    elif overlap < settings.good_dice:
        doubtful.append(f"brain-mask Dice {overlap:.3f} is under {settings.good_dice:g}")
    if numbers["jacobian_folded_share"] > 0:
        poor.append(f"the deformation folds in {numbers['jacobian_folded_share']:.2%} of the brain")
    elif not JACOBIAN_RANGE[0] <= numbers["jacobian_min"] <= numbers["jacobian_max"] <= JACOBIAN_RANGE[1]:
        doubtful.append(f"local volume change {numbers['jacobian_min']:.2f} to {numbers['jacobian_max']:.2f}")
    if numbers["correlation"] < numbers["correlation_affine"] - LOST_CORRELATION:
        doubtful.append("the deformation made the correlation worse")
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
    """Shares of the tumour's voxels that the warped atlas calls CSF, and that lie outside the brain."""
    inside = labels[tumour]
    return float(np.mean(inside == TissueLabel.CSF)), float(1 - brain[tumour].mean())
