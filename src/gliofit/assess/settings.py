"""Settings of stage assess."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, field_validator

from gliofit.assess.stability_settings import SensitivitySettings, StabilitySettings, SurrogateName
from gliofit.core.settings import Settings
from gliofit.simulate.settings import ATLAS, warped_name

__all__ = ["GROUPS", "AssessSettings", "anatomy_group"]

#: Groups of anatomies, in the order of tables: the one trained on, warped copies of it, and real patients' brains.
GROUPS = (ATLAS, "warped", "patients")


def anatomy_group(anatomy: str) -> str:
    """Group of an anatomy such as ``atlas``, ``warped-00002`` or ``patient-{case}``; raises ValueError for others."""
    if anatomy == ATLAS:
        return ATLAS
    kind, _, rest = anatomy.partition("-")
    groups = {"warped": "warped", "patient": "patients"}
    if kind not in groups or not rest:
        raise ValueError(f"no anatomy `{anatomy}`; there are atlas, warped-00000 and patient-CASE")
    return groups[kind]


class AssessSettings(Settings):
    """Which surrogates are compared, and on how many tumours in which anatomies."""

    models: tuple[SurrogateName, ...] = Field(
        (), description="Surrogates to compare, entries of `train.models`; empty: no assessment."
    )
    cases: int = Field(100, ge=1, le=10_000, description="Test tumours in the atlas.")
    cases_elsewhere: int = Field(
        25, ge=1, le=10_000, description="Test tumours in each warped atlas and in each patient's brain."
    )
    warped: int = Field(
        3, ge=0, le=1000, description="Warped atlases to test on; none of them is one of `simulate.warps`."
    )
    patients: bool = Field(
        True, description="Also grow test tumours in patients' brains, where the run has the cohort `patients`."
    )
    gradient_cases: int = Field(
        20,
        ge=0,
        description="Tumours of each anatomy, the first ones, whose derivatives are compared with the solver's.",
    )

    stability: StabilitySettings = Field(
        StabilitySettings(), description="Stability of the gradient search against its start."
    )
    sensitivity: SensitivitySettings = Field(
        SensitivitySettings(), description="Changes of parameters beside the solver, and the loss landscape."
    )

    @field_validator("models")
    @classmethod
    def _different(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(models)) < len(models):
            raise ValueError("name every model once")
        return models

    def anatomies(self, patients: Sequence[str] = (), trained_warps: int = 0) -> list[str]:
        """Names of the anatomies: ``atlas``, ``warped-{number}``, ``patient-{case}``.

        Parameters
        ----------
        patients
            Cases of the cohort of patients.
        trained_warps
            Number of warped atlases that networks may have been trained on; the following ones are tested on.
        """
        warped = map(warped_name, range(trained_warps, trained_warps + self.warped))
        return [ATLAS, *warped, *(f"patient-{case}" for case in patients if self.patients)]

    def cases_of(self, anatomy: str) -> int:
        """Number of test tumours in an anatomy."""
        return self.cases if anatomy_group(anatomy) == ATLAS else self.cases_elsewhere
