"""Settings of the evaluate stage."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings

__all__ = ["EvaluateSettings"]


class EvaluateSettings(Settings):
    """How estimates are scored and compared.

    The averaging domains, the Dice thresholds 0.33 and 0.60 and the metrics themselves are not settings: their names
    are columns of the results tables, and a column must mean the same in every run.
    """

    reference_method: str = Field(
        "cmaes-solver",
        description="Method whose final run is the patients' reference; its own row holds scores against the "
        "segmentation only.",
    )
    other_references: list[MethodName] = Field(
        default=[],
        description="Further methods whose final runs every method's is compared with on patients (agreement.parquet).",
    )
    test_against: dict[str, str] = Field(
        default={"synthetic": "hybrid", "patients": "hybrid-com"},
        description="Per cohort, the method that every other one is tested against; of patients those that observe the "
        "reference.",
    )
    test_against_segmentation: str = Field(
        "gauss-newton-segmentation",
        description="Method that the others which observe the patients' segmentation are tested against.",
    )
    curve_thresholds: int = Field(
        19, ge=2, le=99, description="Evenly spaced thresholds between 0.05 and 0.95 of the Dice curve."
    )
    bootstrap_samples: int = Field(2000, ge=100, description="Resamples behind each confidence interval of a mean.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Coverage of the confidence intervals.")
