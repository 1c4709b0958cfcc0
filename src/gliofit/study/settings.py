"""Settings of stage study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gliofit.core.references import Kind, Reference
from gliofit.core.settings import Settings
from gliofit.growth.model import DEFAULT, GrowthModelName
from gliofit.invert.base import MethodTrait
from gliofit.solver.settings import AccurateSettings, IntegratorSettings, ReferenceSettings

_SCENARIO_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"

_Method = Annotated[str, Reference(Kind.METHOD, (MethodTrait.THETA, MethodTrait.ALONE, MethodTrait.WITHOUT_ATLAS))]
_Methods = Annotated[tuple[_Method, ...], Field(min_length=1)]


class ScenarioSettings(Settings):
    """Simulation of the target, and differences in the input of the fit."""

    integrator: IntegratorSettings = Field(
        default_factory=AccurateSettings, description="Integrator that simulates the target."
    )
    spacing_mm: float | None = Field(
        None,
        gt=0,
        description="Voxel size the target is grown at, where it differs from `study.spacing_mm`, of which it must be "
        "a whole part; the target is then averaged over the white and grey matter in each voxel of the fit.",
    )
    noise: float = Field(
        0.0,
        ge=0,
        description="Standard deviation of white Gaussian noise in white and grey matter; values are not clipped.",
    )
    fit_tissue: Literal["labels", "probabilities"] | None = Field(
        None,
        description="Tissue of the fit, if it differs from `study.tissue`, the tissue of the target; `labels` is the "
        "binary label map at `study.spacing_mm`.",
    )
    methods: _Methods | None = Field(None, description="Methods of this scenario, if they differ from `study.methods`.")
    first_cases: int | None = Field(
        None, ge=1, description="Number of tumours of each preset in this scenario; default: all."
    )


class StudySettings(Settings):
    """Tumours with known parameters, inverted by every method under every scenario."""

    cases: int = Field(0, ge=0, description="Number of tumours of each preset; 0: no study.")
    cases_per_job: int = Field(5, ge=1, description="Number of tumours per job.")
    presets: tuple[Literal["paper", "appendix-d"], ...] = Field(
        ("paper", "appendix-d"), min_length=1, description="Presets of parameter ranges (`simulate.preset`)."
    )
    growth_model: GrowthModelName = Field(DEFAULT, description="Growth model of the tumours.")
    spacing_mm: float = Field(2.0, gt=0, description="Voxel size of the fit; the atlas is coarsened to it.")
    tissue: Literal["labels", "probabilities"] = Field(
        "probabilities", description="Tissue of the atlas for targets and fit, averaged over voxels."
    )
    methods: _Methods = Field(
        ("gauss-newton",), description="Methods to run, entries of `invert.methods` without `refines`."
    )
    scenarios: dict[Annotated[str, Field(pattern=_SCENARIO_NAME)], ScenarioSettings] = Field(
        default_factory=lambda: {
            "accurate": ScenarioSettings.model_validate({}),
            "reference": ScenarioSettings.model_validate({"integrator": ReferenceSettings()}),
        },
        min_length=1,
        description="Scenarios by name. Tumours have the same parameters in every scenario.",
    )

    @model_validator(mode="after")
    def _whole_spacings(self) -> StudySettings:
        for name, scenario in self.scenarios.items():
            if scenario.spacing_mm is None:
                continue
            ratio = self.spacing_mm / scenario.spacing_mm
            if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-3 * ratio:
                raise ValueError(
                    f"scenarios.{name}.spacing_mm of {scenario.spacing_mm:g} must be study.spacing_mm "
                    f"({self.spacing_mm:g}) divided by a whole number"
                )
        return self

    @model_validator(mode="after")
    def _no_idle_tumours(self) -> StudySettings:
        if all(scenario.first_cases is not None for scenario in self.scenarios.values()):
            raise ValueError("scenarios: at least one must have all tumours; remove its first_cases")
        return self

    @property
    def in_use(self) -> bool:
        """Whether there is a study."""
        return self.cases > 0

    def methods_of(self, scenario: str) -> tuple[str, ...]:
        """Return the methods of a scenario."""
        return self.scenarios[scenario].methods or self.methods

    def runs_of(self, case: int) -> list[tuple[str, str]]:
        """Return scenario and method of every inversion of a tumour."""
        return [
            (name, method)
            for name, scenario in self.scenarios.items()
            if scenario.first_cases is None or case < scenario.first_cases
            for method in self.methods_of(name)
        ]

    @property
    def methods_in_use(self) -> list[str]:
        """Methods of all scenarios, without repetition."""
        return list(dict.fromkeys(method for scenario in self.scenarios for method in self.methods_of(scenario)))

    @property
    def batches(self) -> list[str]:
        """Names of the batches of a preset, for example ``00003``."""
        return [f"{number:05d}" for number in range(-(-self.cases // self.cases_per_job))]

    def cases_of(self, batch: str) -> list[int]:
        """Return the numbers of the tumours of a batch; the last batch may be smaller."""
        first = int(batch) * self.cases_per_job
        return list(range(first, min(self.cases, first + self.cases_per_job)))
