"""Settings of stability and sensitivity in stage assess."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from gliofit.core.references import Kind, Reference
from gliofit.core.settings import Settings
from gliofit.invert.base import MethodTrait
from gliofit.train.settings import NetworkRole

#: Name of a trained surrogate.
SurrogateName = Annotated[str, Reference(Kind.NETWORK, (NetworkRole.SURROGATE,))]


class StabilitySettings(Settings):
    """Stability of the gradient search with respect to the initial guess (paper, table 4)."""

    cases: int = Field(0, ge=0, description="Number of synthetic cases, the first of the test shards; 0: skipped.")
    radii: tuple[Annotated[float, Field(gt=0, le=0.5)], ...] = Field(
        (0.01, 0.1, 0.3),
        min_length=1,
        description="Lengths of the displacement, as fractions of the range of the parameters (`invert.bounds`).",
    )
    starts: int = Field(1, ge=1, description="Number of displaced starts per case and radius.")
    tolerance: float = Field(
        0.2, gt=0, lt=1, description="Largest difference that is the same, relative to the search without displacement."
    )
    method: Annotated[str, Reference(Kind.METHOD, (MethodTrait.DESCENT, MethodTrait.DIRECT_ESTIMATE))] = Field(
        "hybrid",
        description="Entry of `invert.methods` with a surrogate and a direct inverse network.",
    )

    @property
    def in_use(self) -> bool:
        """Whether stability is analysed."""
        return self.cases > 0

    @field_validator("radii")
    @classmethod
    def _each_once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) < len(value):
            raise ValueError("contains a radius twice")
        return tuple(sorted(value))


class SensitivitySettings(Settings):
    """Sensitivity of surrogates and solver to growth parameters (paper, figure 5)."""

    surrogates: tuple[SurrogateName, ...] = Field(
        (), description="Trained surrogates (`train.models`) to analyse; empty: skipped."
    )
    cases: int = Field(
        25,
        ge=1,
        description="Number of synthetic cases (the first ones of the test shards); the one of median volume is used.",
    )
    change: float = Field(0.2, gt=0, lt=1, description="Relative change of each growth parameter in both directions.")
    points: int = Field(21, ge=3, description="Grid points of the loss landscape along each of its two parameters.")
    reach: float = Field(0.5, gt=0, lt=1, description="Extent of the landscape around the truth, relative to it.")
    method: Annotated[str, Reference(Kind.METHOD, (MethodTrait.DESCENT,))] = Field(
        "hybrid",
        description="Entry of `invert.methods` that descends by gradients through a surrogate; its settings are used "
        "for the paths on the landscape, with the origin held at the truth.",
    )

    @property
    def in_use(self) -> bool:
        """Whether any surrogate is analysed."""
        return bool(self.surrogates)
