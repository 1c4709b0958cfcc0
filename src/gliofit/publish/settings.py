"""Settings of the publish stage."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.references import CaseName
from gliofit.core.settings import Settings


class PublishSettings(Settings):
    """Content of tables, figures and pages."""

    significance: float = Field(
        0.01, gt=0, lt=1, description="Corrected p value below which a difference is marked (the paper's 0.01)."
    )
    method_names: dict[str, str] = Field(
        default={}, description="Printed names of methods, instead of the built-in ones."
    )
    figure4_cases: list[str] = Field(
        default=[],
        description="Patients of figure 4; default: the best, the worst and evenly spaced ones between, by MSE.",
    )
    figure4_patients: int = Field(
        4, ge=1, le=12, description="Number of patients in figure 4 if `figure4_cases` is empty."
    )
    figure4_methods: list[str] = Field(
        default=[], description="Methods of figure 4, left to right; default: all with the observation of the figure."
    )
    preferred_method: str = Field(
        "gauss-newton-segmentation",
        description="Method that patient pages show first and in three planes; if it is missing or failed, the "
        "first successful method.",
    )
    cases: list[CaseName] = Field(
        default=[], description="Synthetic cases that get a page, for example `[synthetic-00000]`; others on request."
    )
    dpi: int = Field(300, ge=50, le=600, description="Resolution of the PNG figures, in dots per inch.")
