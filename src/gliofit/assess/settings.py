"""Settings of stage assess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from gliofit.core.references import Kind, Reference
from gliofit.core.settings import Settings
from gliofit.invert.base import MethodTrait
from gliofit.simulate.settings import ATLAS, warped_name
from gliofit.train.settings import NetworkRole

#: Groups of anatomies in the order of tables: atlas, warped atlases, patients.
GROUPS = (ATLAS, "warped", "patients")


def anatomy_group(anatomy: str) -> str:
    """Return the group of an anatomy such as ``warped-00002``; raise ValueError if it is unknown."""
    if anatomy == ATLAS:
        return ATLAS
    kind, _, rest = anatomy.partition("-")
    groups = {"warped": "warped", "patient": "patients"}
    if kind not in groups or not rest:
        raise ValueError(f"unknown anatomy `{anatomy}`; valid are atlas, warped-00000 and patient-CASE")
    return groups[kind]


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
        "hybrid", description="Entry of `invert.methods` with a surrogate and a direct inverse network."
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


class AssessSettings(Settings):
    """Surrogates to compare, and numbers of test tumours by anatomy."""

    models: tuple[SurrogateName, ...] = Field(
        (), description="Surrogates to compare, entries of `train.models`; empty: no assessment."
    )
    cases: int = Field(100, ge=1, le=10_000, description="Number of test tumours in the atlas.")
    cases_elsewhere: int = Field(
        25, ge=1, le=10_000, description="Number of test tumours in each warped atlas and each patient's brain."
    )
    warped: int = Field(
        3, ge=0, le=1000, description="Number of warped atlases to test on, other than those of `simulate.warps`."
    )
    patients: bool = Field(
        True, description="Also simulate test tumours in patients' brains, if the run has the cohort `patients`."
    )
    gradient_cases: int = Field(
        20, ge=0, description="Number of tumours per anatomy whose derivatives are compared with the solver's."
    )

    stability: StabilitySettings = Field(
        StabilitySettings(), description="Stability of the gradient search with respect to the initial guess."
    )
    sensitivity: SensitivitySettings = Field(
        SensitivitySettings(), description="Sensitivity to parameters, and the loss landscape."
    )

    @field_validator("models")
    @classmethod
    def _different(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(models)) < len(models):
            raise ValueError("list every model once")
        return models

    def anatomies(self, patients: Sequence[str] = (), trained_warps: int = 0) -> list[str]:
        """Return the names of the anatomies: ``atlas``, ``warped-{number}``, ``patient-{case}`` of the given patients.

        Warped atlases follow those used in training.
        """
        warped = map(warped_name, range(trained_warps, trained_warps + self.warped))
        return [ATLAS, *warped, *(f"patient-{case}" for case in patients if self.patients)]

    def cases_of(self, anatomy: str) -> int:
        """Return the number of test tumours in an anatomy."""
        return self.cases if anatomy_group(anatomy) == ATLAS else self.cases_elsewhere
