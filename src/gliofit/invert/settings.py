"""Settings of stage invert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, create_model, field_validator, model_validator

from gliofit.core.settings import Settings
from gliofit.growth.model import find_growth_model, growth_model_names
from gliofit.growth.space import ParameterSpace
from gliofit.invert.base import MethodSettings, MethodTrait, PatientObservation
from gliofit.invert.registry import find_inverter, inverter_names
from gliofit.observation.imaging import ImagingSettings
from gliofit.train.roles import NetworkRole

__all__ = ["BoundsSettings", "InvertSettings"]

if TYPE_CHECKING:
    _Method = MethodSettings
else:
    # One alternative per file in methods/, so that schema and documentation list every method's keys.
    _Method = Annotated[
        Union[tuple(find_inverter(name).settings_type for name in inverter_names())],  # noqa: UP007 - not static
        Field(discriminator="inverter"),
    ]

_METHOD_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"


class _Bounds(Settings):
    """Box that estimates stay in; the defaults are the paper's. One range per parameter of the growth models."""

    origin_reach_mm: tuple[float, float, float] = Field(
        (48.0, 48.0, 31.0),
        description="Largest distance of the origin from the centre of mass towards right, front and top "
        "(20 % of 240 x 240 x 155 mm).",
    )

    @model_validator(mode="after")
    def _ordered(self) -> _Bounds:
        for name in type(self).model_fields:
            if name != "origin_reach_mm" and not 0 < getattr(self, name)[0] < getattr(self, name)[1]:
                raise ValueError(f"{name}: needs a positive lower value below the upper one")
        return self

    @field_validator("origin_reach_mm")
    @classmethod
    def _positive(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0:
            raise ValueError("needs three positive distances")
        return value

    def ranges(self, space: ParameterSpace) -> dict[str, tuple[float, float]]:
        """Range of each parameter of a space by its column, those of positions relative to the centre of mass."""
        reach = self.origin_reach_mm
        return {
            p.column: getattr(self, p.column) if p.axis is None else (-reach[p.axis], reach[p.axis])
            for p in space.parameters
        }


def _range_fields() -> dict[str, Any]:
    """A field for every parameter of a growth model that is not a component of a position."""
    parameters = [p for name in growth_model_names() for p in find_growth_model(name).space.others]
    return {p.column: (tuple[float, float], Field(p.bounds, description=f"Range of {p.symbol}.")) for p in parameters}


if TYPE_CHECKING:
    BoundsSettings = _Bounds
else:
    BoundsSettings = create_model("BoundsSettings", __base__=_Bounds, __module__=__name__, **_range_fields())


def _default_methods() -> dict[str, MethodSettings]:
    entries: dict[str, dict[str, str]] = {
        "cmaes-solver": {},
        "cmaes-surrogate": {},
        "direct": {},
        "gauss-newton": {},
        "gradient-surrogate": {},
        "gradient-surrogate-com": {"inverter": "gradient-surrogate", "origin": "com-fixed"},
        "hybrid": {},
        "hybrid-com": {"inverter": "hybrid", "origin": "com-fixed"},
        "hybrid-refined": {"inverter": "gauss-newton", "refines": "hybrid"},
    }
    kinds = {name: find_inverter(entry.get("inverter", name)).settings_type for name, entry in entries.items()}
    return {name: kinds[name].model_validate({"inverter": name} | entry) for name, entry in entries.items()}


def _checked(name: str, entry: Any) -> MethodSettings | dict[str, Any]:
    """One entry of ``methods`` whose inverter and keys are known, or a ValueError that says what would be valid."""
    if isinstance(entry, MethodSettings):
        return entry
    if not isinstance(entry, Mapping):
        raise ValueError(f"method '{name}' needs keys, at least 'inverter': one of {', '.join(inverter_names())}")
    inverter = entry.get("inverter")
    if inverter not in inverter_names():
        found = "has no 'inverter'" if inverter is None else f"has the unknown inverter '{inverter}'"
        raise ValueError(f"method '{name}' {found}; valid are {', '.join(inverter_names())}")
    kind = find_inverter(inverter).settings_type
    unknown = [str(key) for key in entry if key not in kind.model_fields]
    if unknown:
        raise ValueError(
            f"method '{name}' has the unknown key '{unknown[0]}'; valid for inverter '{inverter}' are "
            f"{', '.join(kind.model_fields)}"
        )
    return dict(entry)


class InvertSettings(Settings):
    """Which methods estimate theta, and what they see."""

    methods: dict[Annotated[str, Field(pattern=_METHOD_NAME)], _Method] = Field(
        default_factory=_default_methods,
        description="Methods to run, by the name they have in results: each an inverter with its settings. The same "
        "inverter may appear under several names.",
    )
    patient_observation: PatientObservation = Field(
        "reference",
        description="What methods see of a patient: `reference`, the concentration that `cmaes-solver` fitted to the "
        "segmentation (the paper's protocol), or `segmentation` itself, through the imaging model.",
    )
    imaging: ImagingSettings = Field(
        default_factory=ImagingSettings, description="How a concentration shows in a segmentation."
    )
    bounds: BoundsSettings = Field(default_factory=BoundsSettings, description="Box that estimates stay in.")
    move_origin_into_tissue: bool = Field(
        True,
        description="Move an estimated origin to the nearest white or grey matter if no part of the initial tumour "
        "would lie in any (an origin held at the centre of mass is never moved).",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError("needs one entry per method, for example `direct: {inverter: direct}`")
        return {str(name): _checked(str(name), entry) for name, entry in value.items()}

    @field_validator("methods")
    @classmethod
    def _not_reserved(cls, value: dict[str, MethodSettings]) -> dict[str, MethodSettings]:
        if "oracle" in value:
            raise ValueError("'oracle' is the name of the run with the true parameters; choose another name")
        return value

    def methods_of(self, cohort: str) -> list[str]:
        """Methods that run on a cohort."""
        return [name for name, own in self.methods.items() if cohort in own.cohorts]

    @model_validator(mode="after")
    def _chains_end(self) -> InvertSettings:
        for method, settings in self.methods.items():
            chain = [method]
            # A job gets its own method alone, so that the refined one may be absent.
            while (start := self.methods[chain[-1]].refined) in self.methods:
                if start in chain:
                    raise ValueError(f"methods.{method} refines itself ({' refines '.join([*chain, start])})")
                missing = [cohort for cohort in settings.cohorts if cohort not in self.methods[start].cohorts]
                if missing:
                    raise ValueError(
                        f"methods.{method} runs on {missing[0]} and refines '{start}', which does not; give them the "
                        "same cohorts"
                    )
                chain.append(start)
        return self

    def chain(self, method: str) -> list[str]:
        """Methods to run for one, in order: those whose estimates are refined on the way, and the method itself."""
        start = self.refines(method)
        return [*([] if start is None else self.chain(start)), method]

    def observation_of(self, method: str, cohort: str) -> Literal["concentration", "reference", "segmentation"]:
        """What a method sees of the cases of a cohort."""
        if cohort == "synthetic":
            return "concentration"
        return self.methods[method].patient_observation or self.patient_observation

    def networks_of(self, method: str) -> dict[NetworkRole, str]:
        """Names of the trained networks that a method needs."""
        return self.methods[method].networks

    def refines(self, method: str) -> str | None:
        """Name of the method whose estimate a method refines, None if it refines none."""
        return self.methods[method].refined

    def traits_of(self, method: str) -> frozenset[MethodTrait]:
        """What a method offers to settings that name it."""
        settings = self.methods[method]
        offered = {
            MethodTrait.THETA: self.gives_theta(method),
            MethodTrait.ALONE: settings.refined is None,
            MethodTrait.WITHOUT_ATLAS: not self.needs_atlas(method),
            MethodTrait.DESCENT: settings.descends,
            MethodTrait.DIRECT_ESTIMATE: NetworkRole.DIRECT in settings.networks,
        }
        return frozenset(trait for trait, has in offered.items() if has)

    def keeps_other(self, method: str) -> bool:
        """Whether a method decides between two candidates and keeps the other one in its results."""
        return find_inverter(self.methods[method].inverter).keeps_other

    def gives_uncertainty(self, method: str) -> bool:
        """Whether a method's results say how well theta is determined."""
        return find_inverter(self.methods[method].inverter).gives_uncertainty

    def gives_theta(self, method: str) -> bool:
        """Whether a method estimates theta."""
        return find_inverter(self.methods[method].inverter).gives_theta

    def needs_atlas(self, method: str) -> bool:
        """Whether a method works in the atlas, to which a patient must be registered."""
        return find_inverter(self.methods[method].inverter).needs_atlas

    def gives_concentration(self, method: str) -> bool:
        """Whether a method estimates a concentration, which takes the place of the forward simulation."""
        return find_inverter(self.methods[method].inverter).gives_concentration
