"""Settings of the evaluate stage."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings


class EvaluateSettings(Settings):
    """Scores and comparison of estimates.

    Averaging domains, the Dice thresholds 0.33 and 0.60, and the metrics are not settings, so that columns of results
    have the same meaning in every run.
    """

    reference_method: str = Field(
        "cmaes-solver",
        description="Method whose forward simulation is the patients' reference; its own row holds scores against the "
        "segmentation only.",
    )
    other_references: list[MethodName] = Field(
        default=[], description="Further reference methods for agreement on patients (agreement.parquet)."
    )
    test_against: dict[str, str] = Field(
        default={"synthetic": "hybrid", "patients": "hybrid-com"},
        description="Method to test against, by cohort; on patients for methods that observe the reference.",
    )
    test_against_segmentation: str = Field(
        "gauss-newton-segmentation",
        description="Method to test against for methods that observe the patients' segmentation.",
    )
    curve_thresholds: int = Field(
        19, ge=2, le=99, description="Number of thresholds between 0.05 and 0.95 of the Dice curve."
    )
    bootstrap_samples: int = Field(2000, ge=100, description="Number of bootstrap resamples for confidence intervals.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Coverage of the confidence intervals.")
