"""Settings of the publish stage."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.references import CaseName
from gliofit.core.settings import Settings

__all__ = ["PublishSettings"]


class PublishSettings(Settings):
    """What the published tables, figures and pages show."""

    significance: float = Field(
        0.01, gt=0, lt=1, description="Corrected p value below which a difference is marked (the paper's 0.01)."
    )
    method_names: dict[str, str] = Field(
        default={}, description="Names to print for methods, in place of the built-in ones."
    )
    figure4_cases: list[str] = Field(
        default=[],
        description="Patients of figure 4; without any, the best, the worst and evenly spaced ones between, by MSE.",
    )
    figure4_patients: int = Field(
        4, ge=1, le=12, description="How many patients figure 4 shows when it chooses them itself."
    )
    figure4_methods: list[str] = Field(
        default=[],
        description="Methods of figure 4, left to right, as far as they observed what it is about; without any, all "
        "that did.",
    )
    preferred_method: str = Field(
        "gauss-newton-segmentation",
        description="Method that patient pages show first and in three planes; where it is missing or failed, the "
        "first method that ended well.",
    )
    cases: list[CaseName] = Field(
        default=[],
        description="Synthetic cases that get a page of their own, for example `[synthetic-00000]`; others get one "
        "when it is asked for.",
    )
    dpi: int = Field(300, ge=50, le=600, description="Resolution of the PNG figures, in dots per inch.")
