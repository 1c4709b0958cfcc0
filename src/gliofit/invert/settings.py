"""Settings of stage invert."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field, create_model, field_validator, model_validator

from gliofit.core.settings import Settings
from gliofit.growth.model import find_growth_model, growth_model_names
from gliofit.growth.space import ParameterSpace
from gliofit.invert import methods
from gliofit.invert.base import AbstractInverter, MethodTrait, PatientObservation
from gliofit.observation.imaging import ImagingSettings
from gliofit.train.settings import NetworkRole


@cache
def inverters() -> dict[str, type[AbstractInverter]]:
    """Return the classes of all methods by name, in the files of ``gliofit/invert/methods``, one in each."""
    files = [file.name for file in pkgutil.iter_modules(methods.__path__) if not file.name.startswith("_")]
    classes = {}
    for name, file in sorted((file.replace("_", "-"), file) for file in files):
        module = importlib.import_module(f"{methods.__name__}.{file}")
        [classes[name]] = [
            item
            for item in vars(module).values()
            if isinstance(item, type) and issubclass(item, AbstractInverter) and item.__module__ == module.__name__
        ]
    return classes


if TYPE_CHECKING:
    _Method = AbstractInverter
else:
    # One alternative per file in methods/, so that schema and documentation list every method's keys.
    _Method = Annotated[
        Union[tuple(inverters().values())],  # noqa: UP007 - not static
        Field(discriminator="inverter"),
    ]


class _Bounds(Settings):
    """Bounds of estimates; the defaults are the paper's. One range per parameter of the growth models."""

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
        """Return ranges of a space's parameters by column, those of positions relative to the centre of mass."""
        reach = self.origin_reach_mm
        return {
            p.column: getattr(self, p.column) if p.axis is None else (-reach[p.axis], reach[p.axis])
            for p in space.parameters
        }


if TYPE_CHECKING:
    BoundsSettings = _Bounds
else:
    _others = [p for name in growth_model_names() for p in find_growth_model(name).space.others]
    _fields = {p.column: (tuple[float, float], Field(p.bounds, description=f"Range of {p.symbol}.")) for p in _others}
    BoundsSettings = create_model("BoundsSettings", __base__=_Bounds, __module__=__name__, **_fields)


def _default_methods() -> dict[str, AbstractInverter]:
    entries = {
        "cmaes-solver": {"inverter": "cmaes-solver"},
        "cmaes-surrogate": {"inverter": "cmaes-surrogate"},
        "direct": {"inverter": "direct"},
        "gauss-newton": {"inverter": "gauss-newton"},
        "gradient-surrogate": {"inverter": "gradient-surrogate"},
        "gradient-surrogate-com": {"inverter": "gradient-surrogate", "origin": "com-fixed"},
        "hybrid": {"inverter": "hybrid"},
        "hybrid-com": {"inverter": "hybrid", "origin": "com-fixed"},
        "hybrid-refined": {"inverter": "gauss-newton", "refines": "hybrid"},
    }
    return {name: inverters()[e["inverter"]].model_validate(e) for name, e in entries.items()}


class InvertSettings(Settings):
    """Inversion methods and their input data."""

    methods: dict[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")], _Method] = Field(
        default_factory=_default_methods,
        description="Methods to run, by the name they have in results: each an inverter with its settings. The same "
        "inverter may appear under several names.",
    )
    patient_observation: PatientObservation = Field(
        "reference",
        description="Observation of a patient: `reference`, the concentration that `cmaes-solver` fitted to the "
        "segmentation (the paper's protocol), or `segmentation`, through the imaging model.",
    )
    imaging: ImagingSettings = Field(
        default_factory=ImagingSettings, description="Imaging model: from a concentration to a segmentation."
    )
    bounds: BoundsSettings = Field(default_factory=BoundsSettings, description="Bounds of estimates.")
    move_origin_into_tissue: bool = Field(
        True,
        description="Move an estimated origin to the nearest white or grey matter if the initial tumour does not reach "
        "any; an origin fixed at the centre of mass is never moved.",
    )

    @field_validator("methods", mode="before")
    @classmethod
    def _known(cls, value: Any) -> dict[str, Any]:
        """Raise a ValueError that lists valid values if a name, an inverter or a key is wrong."""
        if not isinstance(value, Mapping):
            raise ValueError("needs one entry per method, for example `direct: {inverter: direct}`")
        if "oracle" in value:
            raise ValueError("'oracle' is the name of the run with the true parameters; choose another name")
        for name, entry in value.items():
            if isinstance(entry, AbstractInverter):
                continue
            valid = ", ".join(inverters())
            if not isinstance(entry, Mapping):
                raise ValueError(f"method '{name}' needs keys, at least 'inverter': one of {valid}")
            inverter = entry.get("inverter")
            if inverter not in list(inverters()):
                problem = "has no 'inverter'" if inverter is None else f"has the unknown inverter '{inverter}'"
                raise ValueError(f"method '{name}' {problem}; valid are {valid}")
            keys = inverters()[inverter].model_fields
            for key in entry:
                if key not in keys:
                    problem = f"method '{name}' has the unknown key '{key}'"
                    raise ValueError(f"{problem}; valid for inverter '{inverter}' are {', '.join(keys)}")
        return {str(name): entry for name, entry in value.items()}

    def methods_of(self, cohort: str) -> list[str]:
        """Return the methods that run on a cohort."""
        return [name for name, settings in self.methods.items() if cohort in settings.cohorts]

    @model_validator(mode="after")
    def _chains_end(self) -> InvertSettings:
        for method, settings in self.methods.items():
            chain = [method]
            # The settings of a job contain only its method, so that the refined one may be missing.
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
        """Return the methods to run in order: those whose estimates are refined, then the method."""
        start = self.methods[method].refined
        return [*self.chain(start), method] if start is not None else [method]

    def observation_of(self, method: str, cohort: str) -> Literal["concentration", "reference", "segmentation"]:
        """Return the kind of observation of a method on a cohort."""
        if cohort == "synthetic":
            return "concentration"
        return self.methods[method].patient_observation or self.patient_observation

    def traits_of(self, method: str) -> frozenset[MethodTrait]:
        """Return the traits of a method, which settings that name it can require."""
        settings = self.methods[method]
        traits = {
            MethodTrait.THETA: settings.gives_theta,
            MethodTrait.ALONE: settings.refined is None,
            MethodTrait.WITHOUT_ATLAS: not settings.needs_atlas,
            MethodTrait.DESCENT: settings.descends,
            MethodTrait.DIRECT_ESTIMATE: NetworkRole.DIRECT in settings.networks,
        }
        return frozenset(trait for trait, holds in traits.items() if holds)
