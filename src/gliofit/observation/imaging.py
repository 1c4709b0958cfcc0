"""Settings of the imaging model, which maps a tumour-cell concentration to regions in MRI."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from gliofit.core.settings import Settings


def check_thresholds(settings: Any) -> Any:
    """Raise a ValueError if the thresholds of whole tumour and core are not increasing; a validator of settings."""
    if settings.threshold_core <= settings.threshold_whole:
        raise ValueError("threshold_core must be above threshold_whole: the core lies inside the whole tumour")
    return settings


class ImagingSettings(Settings):
    """Imaging model: a region is visible where the concentration exceeds its threshold, with a smooth step.

    Whole tumour (oedema and core) is the FLAIR abnormality; core (necrosis, enhancing and non-enhancing core) is the
    abnormality in contrast-enhanced T1.
    """

    threshold_whole: float = Field(
        0.33, ge=0.01, le=0.59, description="Concentration at the border of the whole tumour; published: 0.05 to 0.5."
    )
    threshold_core: float = Field(
        0.6, ge=0.3, le=0.95, description="Concentration at the border of the core; published: 0.5 to 0.85."
    )
    fit_thresholds: bool = Field(
        False,
        description="Fit the thresholds for every concentration within `range_whole` and `range_core`.",
    )
    range_whole: tuple[float, float] = Field((0.05, 0.5), description="Range of the fitted whole-tumour threshold.")
    range_core: tuple[float, float] = Field((0.5, 0.85), description="Range of the fitted core threshold.")
    weight_whole: float = Field(
        0.7, ge=0.05, le=0.95, description="Weight w of the whole tumour's Dice in the loss; the core has 1 - w."
    )
    width: float = Field(
        0.02,
        ge=0.005,
        le=0.3,
        description="Concentration range over which a region fades in. A wide one (0.05) gives a smoother loss and "
        "fronts that are too steep: the diffusion parameter comes out 4 % too small.",
    )
    minimum_enhancing_cc: float = Field(
        1.5, ge=0, description="Below this volume of enhancing tissue, the non-enhancing core is used as core."
    )

    @model_validator(mode="after")
    def _ordered(self) -> ImagingSettings:
        check_thresholds(self)
        for name, (low, high) in (("range_whole", self.range_whole), ("range_core", self.range_core)):
            if not 0.01 <= low < high <= 0.95:
                raise ValueError(f"{name} must be two increasing numbers between 0.01 and 0.95")
        return self
