"""Settings of the parts of stage assess that follow the gradient search: its stability, and what it descends on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from gliofit.core.references import Kind, Reference
from gliofit.core.settings import Settings
from gliofit.invert.base import MethodTrait
from gliofit.train.roles import NetworkRole

__all__ = ["SensitivitySettings", "StabilitySettings", "SurrogateName"]

#: Name of a trained surrogate.
SurrogateName = Annotated[str, Reference(Kind.NETWORK, (NetworkRole.SURROGATE,))]


class StabilitySettings(Settings):
    """Whether the gradient search ends in the same minimum when its start is moved (paper, table 4)."""

    cases: int = Field(0, ge=0, description="Synthetic cases, the first ones of the test shards; 0: not done.")
    radii: tuple[Annotated[float, Field(gt=0, le=0.5)], ...] = Field(
        (0.01, 0.1, 0.3),
        min_length=1,
        description="Lengths of the displacement of the start, as shares of the range of the parameters "
        "(`invert.bounds`).",
    )
    starts: int = Field(1, ge=1, description="Displaced starts of each case and radius.")
    tolerance: float = Field(
        0.2, gt=0, lt=1, description="How far, relative to the search that was not displaced, counts as the same."
    )
    method: Annotated[str, Reference(Kind.METHOD, (MethodTrait.DESCENT, MethodTrait.DIRECT_ESTIMATE))] = Field(
        "hybrid",
        description="Entry of `invert.methods` with a surrogate and a direct inverse network; its search is examined.",
    )

    @property
    def in_use(self) -> bool:
        """Whether stability is examined."""
        return self.cases > 0

    @field_validator("radii")
    @classmethod
    def _each_once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a radius twice")
        return tuple(sorted(value))


class SensitivitySettings(Settings):
    """How a surrogate follows changes of the growth parameters, beside the solver (paper, figure 5)."""

    surrogates: tuple[SurrogateName, ...] = Field(
        (), description="Trained surrogates (`train.models`) to look at; none: not done."
    )
    cases: int = Field(
        25,
        ge=1,
        description="Synthetic cases, the first ones of the test shards, of which that of median volume is taken.",
    )
    change: float = Field(0.2, gt=0, lt=1, description="Relative change of each growth parameter, down and up.")
    points: int = Field(21, ge=3, description="Grid points of the loss landscape along each of its two parameters.")
    reach: float = Field(0.5, gt=0, lt=1, description="Reach of the landscape about the truth, relative to it.")
    method: Annotated[str, Reference(Kind.METHOD, (MethodTrait.DESCENT,))] = Field(
        "hybrid",
        description="Entry of `invert.methods` that descends by gradients through a surrogate; its settings are used "
        "for the paths on the landscape, with the origin held at the truth.",
    )

    @property
    def in_use(self) -> bool:
        """Whether any surrogate is examined."""
        return bool(self.surrogates)
