"""Settings of stage assess."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, field_validator

from gliofit.assess.stability_settings import SensitivitySettings, StabilitySettings, SurrogateName
from gliofit.core.settings import Settings
from gliofit.simulate.settings import ATLAS, warped_name

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
        20,
        ge=0,
        description="Number of tumours per anatomy whose derivatives are compared with the solver's.",
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
        """Return the names of the anatomies: ``atlas``, ``warped-{number}``, ``patient-{case}``.

        Parameters
        ----------
        patients
            Cases of the cohort of patients.
        trained_warps
            Number of warped atlases used in training; the following ones are used for tests.
        """
        warped = map(warped_name, range(trained_warps, trained_warps + self.warped))
        return [ATLAS, *warped, *(f"patient-{case}" for case in patients if self.patients)]

    def cases_of(self, anatomy: str) -> int:
        """Return the number of test tumours in an anatomy."""
        return self.cases if anatomy_group(anatomy) == ATLAS else self.cases_elsewhere
