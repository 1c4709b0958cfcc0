"""Table of the quality criteria of a registration, with the limits that the verdict uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gliofit.register.quality import CSF_SHARE, JACOBIAN_RANGE, LOST_CORRELATION, OUTSIDE_SHARE
from gliofit.register.settings import RegisterSettings


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
