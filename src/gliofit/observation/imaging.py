"""Settings of the imaging model: how a tumour-cell concentration shows in MRI."""

from __future__ import annotations

from pydantic import Field, model_validator

from gliofit.core.settings import Settings

__all__ = ["ImagingSettings"]


class ImagingSettings(Settings):
    """A region shows where the concentration exceeds its threshold; the step is smooth so that losses have slopes.

    Whole tumour (oedema and core) is the FLAIR abnormality, core (necrosis, enhancing and non-enhancing core) the one
    of contrast-enhanced T1.
    """

    threshold_whole: float = Field(
        0.33, ge=0.01, le=0.59, description="Concentration at the border of the whole tumour; published: 0.05 to 0.5."
    )
    threshold_core: float = Field(
        0.6, ge=0.3, le=0.95, description="Concentration at the border of the core; published: 0.5 to 0.85."
    )
    fit_thresholds: bool = Field(
        False,
        description="Take, for every concentration, the thresholds that fit best within `range_whole` and "
        "`range_core`, in place of the two fixed ones.",
    )
    range_whole: tuple[float, float] = Field((0.05, 0.5), description="Range of the whole tumour's fitted threshold.")
    range_core: tuple[float, float] = Field((0.5, 0.85), description="Range of the core's fitted threshold.")
    weight_whole: float = Field(
        0.7,
        ge=0.05,
        le=0.95,
        description="Weight of the whole tumour in the loss; the core has the rest. Each enters by its Dice, so that a "
        "small core counts as much per weight as a large one.",
    )
    width: float = Field(
        0.02,
        ge=0.005,
        le=0.3,
        description="Concentration range over which a region fades in. A wide one (0.05) gives a smoother loss and "
        "fronts that are too steep: the diffusion parameter comes out 4 % too small.",
    )
    minimum_enhancing_cc: float = Field(
        1.5,
        ge=0,
        description="Enhancing tissue below this volume is not trusted: the core then is the non-enhancing core.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> ImagingSettings:
        if self.threshold_core <= self.threshold_whole:
            raise ValueError("threshold_core must be above threshold_whole: the core lies inside the whole tumour")
        for name, (low, high) in (("range_whole", self.range_whole), ("range_core", self.range_core)):
            if not 0.01 <= low < high <= 0.95:
                raise ValueError(f"{name} needs two rising numbers between 0.01 and 0.95")
        return self
