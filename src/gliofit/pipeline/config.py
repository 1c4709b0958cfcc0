"""The whole configuration: one model put together from the settings of the stages.

It is the single source of keys, defaults and descriptions. ``workflow/schemas/config.schema.json``, the table in
``config/README.md`` and the conda files in ``envs/`` are generated (``make generate``) and a test says when they are
out of date. Imports nothing heavy, because the workflow reads it whenever Snakemake starts.
"""

from __future__ import annotations

import difflib
import json
import re
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import PydanticUndefined, to_jsonable_python

from gliofit.assess.settings import AssessSettings
from gliofit.atlas.settings import AtlasSettings
from gliofit.core.errors import InputError
from gliofit.core.settings import Settings
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.forward.settings import ForwardSettings
from gliofit.invert.settings import InvertSettings
from gliofit.pipeline.batches import BatchSettings
from gliofit.plan.settings import PlanSettings
from gliofit.publish.settings import PublishSettings
from gliofit.register.settings import PatientsSettings, PhantomSettings, RegisterSettings
from gliofit.simulate.settings import SimulateSettings
from gliofit.study.settings import StudySettings
from gliofit.train.settings import ATLAS_ARCHITECTURES, TrainSettings

__all__ = ["Config", "describe_keys", "load_config", "models_in", "read_config"]

# A section has its stage's name; that pydantic's metaclass has an unrelated `register` too does no harm.
warnings.filterwarnings("ignore", message='Field name "register" in "Config" shadows')


class Config(Settings):
    """Everything that can be set. A section per stage, in the order of the stages."""

    run: str = Field(
        "demo",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="Name of the run; results go to `results/{run}`.",
    )
    seed: int = Field(1, ge=0, description="The one seed; every job derives its own from it and from stable names.")
    cohorts: list[Literal["synthetic", "patients"]] = Field(
        ["synthetic", "patients"],
        min_length=1,
        description="Cohorts to evaluate: test samples with known theta, and patients (real ones or phantoms).",
    )
    tissue: Literal["labels", "probabilities"] = Field(
        "labels",
        description="Tissue the growth model sees: binary white and grey matter of the label map, as in the paper, or "
        "the probability maps.",
    )
    cases_per_job: BatchSettings = Field(
        BatchSettings(), description="How many cases a job does one after the other (docs/workflow.md)."
    )
    atlas: AtlasSettings = Field(AtlasSettings(), description="The healthy brain everything starts from.")
    patients: PatientsSettings = Field(PatientsSettings(), description="Where the patients are.")
    phantoms: PhantomSettings = Field(
        PhantomSettings(), description="Phantom patients, used where no real ones are given."
    )
    register: RegisterSettings = Field(RegisterSettings(), description="Atlas to patient registration.")
    simulate: SimulateSettings = Field(SimulateSettings(), description="Synthetic tumours.")
    train: TrainSettings = Field(TrainSettings(), description="Neural surrogate and direct inverse.")
    invert: InvertSettings = Field(InvertSettings(), description="Inversion methods.")
    forward: ForwardSettings = Field(ForwardSettings(), description="The final high-precision run.")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="Metrics and tests.")
    plan: PlanSettings = Field(PlanSettings(), description="Radiotherapy targets of patients, where asked for.")
    study: StudySettings = Field(
        StudySettings(), description="Many synthetic tumours inverted under several scenarios, where asked for."
    )
    assess: AssessSettings = Field(AssessSettings(), description="Trained surrogates against the solver.")
    publish: PublishSettings = Field(PublishSettings(), description="Tables, figures and report.")

    @model_validator(mode="after")
    def _sections_agree(self) -> Config:
        for method in self.invert.methods:
            # Here and not in the section, because a job gets the section with its own method alone.
            self.invert.chain(method)
            start = self.invert.refines(method)
            if start is not None and not self.invert.gives_theta(start):
                raise ValueError(f"invert.methods.{method} refines '{start}', which estimates no theta")
            for model in self.networks_of(method).values():
                if model not in self.train.models:
                    raise ValueError(
                        f"invert.methods.{method} needs the network '{model}', which train.models does not have "
                        f"({', '.join(self.train.models)})"
                    )
            network = self.invert.lmi_of(method)
            if network is not None and not self.train.models[network].in_atlas:
                raise ValueError(
                    f"invert.methods.{method} needs a network in the atlas, and '{network}' of train.models is a "
                    f"{self.train.models[network].architecture}; give it the architecture {ATLAS_ARCHITECTURES[0]}"
                )
        for method in self.plan.methods:
            if method not in self.invert.methods:
                raise ValueError(
                    f"plan.methods names '{method}', which invert.methods does not have "
                    f"({', '.join(self.invert.methods)})"
                )
        for case in self.publish.cases if "synthetic" in self.cohorts else ():
            if case not in self.simulate.case_names():
                raise ValueError(f"publish.cases names '{case}', which is no synthetic case of the run")
        for method in self.study.methods_in_use if self.study.cases else ():
            if method not in self.invert.methods:
                raise ValueError(
                    f"study runs '{method}', which invert.methods does not have ({', '.join(self.invert.methods)})"
                )
            if self.invert.needs_atlas(method):
                raise ValueError(f"study runs '{method}', which works in the atlas; choose methods that do not")
            for model in self.networks_of(method).values():
                seen = self.train.crop_of(model).spacing_mm
                ratio = seen / self.study.spacing_mm
                if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-3 * ratio:
                    raise ValueError(
                        f"study runs '{method}', whose network sees voxels of {seen:g} mm "
                        f"(train.crop.spacing_mm): no whole multiple of study.spacing_mm, {self.study.spacing_mm:g}"
                    )
            if self.invert.refines(method) is not None:
                raise ValueError(f"study runs '{method}', which refines another method; choose methods that run alone")
            if not self.invert.gives_theta(method):
                raise ValueError(f"study runs '{method}', which estimates no theta; choose methods that do")
        for method in self.cases_per_job.methods:
            if method not in self.invert.methods:
                raise ValueError(
                    f"cases_per_job.methods names '{method}', which invert.methods does not have "
                    f"({', '.join(self.invert.methods)})"
                )
        self._assessment_agrees()
        for method in self.evaluate.other_references:
            if method not in self.invert.methods:
                raise ValueError(
                    f"evaluate.other_references names '{method}', which invert.methods does not have "
                    f"({', '.join(self.invert.methods)})"
                )
        reference = self.evaluate.reference_method
        if "patients" in self.cohorts:
            methods = self.invert.methods_of("patients")
            seeing = [m for m in methods if self.invert.observation_of(m, "patients") == "reference"]
            if seeing and reference not in methods:
                raise ValueError(
                    f"{seeing[0]} observes the reference concentration, which '{reference}' makes "
                    "(evaluate.reference_method); add that to invert.methods, or set "
                    "invert.patient_observation: segmentation"
                )
            if reference in seeing:
                raise ValueError(
                    f"'{reference}' makes the reference concentration (evaluate.reference_method) and cannot observe "
                    "it; give it patient_observation: segmentation"
                )
        return self

    def _assessment_agrees(self) -> None:
        for part, models in (("models", self.assess.models), ("sensitivity", self.assess.sensitivity.surrogates)):
            for model in models:
                if model not in self.train.models:
                    raise ValueError(
                        f"assess.{part} names '{model}', which train.models does not have "
                        f"({', '.join(self.train.models)})"
                    )
                if self.train.models[model].architecture in ("direct-inverse", *ATLAS_ARCHITECTURES):
                    raise ValueError(f"assess.{part} names '{model}', which is no surrogate")
        stability, sensitivity = self.assess.stability, self.assess.sensitivity
        for part, count, method, roles in (
            ("stability", stability.cases, stability.method, {"surrogate", "direct"}),
            ("sensitivity", len(sensitivity.surrogates), sensitivity.method, {"surrogate"}),
        ):
            if not count:
                continue
            if method not in self.invert.methods:
                raise ValueError(
                    f"assess.{part} uses '{method}', which invert.methods does not have "
                    f"({', '.join(self.invert.methods)})"
                )
            if not hasattr(self.invert.methods[method], "raw_scaling") or not roles <= set(self.networks_of(method)):
                start = " from a direct estimate" if part == "stability" else ""
                raise ValueError(
                    f"assess.{part} uses '{method}', which does not descend by gradients through a surrogate{start}"
                )
            if not self.simulate.test_cases:
                raise ValueError(f"assess.{part} needs synthetic cases; set simulate.test_cases")
        if stability.cases > self.simulate.test_cases:
            raise ValueError(
                f"assess.stability.cases of {stability.cases} are more than simulate.test_cases "
                f"({self.simulate.test_cases})"
            )

    def networks_of(self, method: str) -> dict[str, str]:
        """Trained networks a method needs: ``surrogate``, ``direct`` and ``lmi``, each with the name of the model."""
        roles = {
            "surrogate": self.invert.surrogate_of(method),
            "direct": self.invert.direct_of(method),
            "lmi": self.invert.lmi_of(method),
        }
        return {role: model for role, model in roles.items() if model is not None}


def load_config(raw: Mapping[str, Any]) -> Config:
    """Check a configuration as YAML gives it, and fill in the defaults.

    Raises
    ------
    InputError
        For the first thing wrong: it names the key, and for an unknown one the nearest valid key.
    """
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        raise _as_input_error(error) from error


def read_config(path: str | Path) -> Config:
    """Read and check a YAML file."""
    from gliofit.core.yaml_file import read_yaml

    return load_config(read_yaml(path))


def _as_input_error(error: ValidationError) -> InputError:
    """Turn the first of pydantic's complaints into one line that names the hint."""
    # Unknown keys first: a misspelt key often also shows up as a missing one.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    section, models, alternatives = _section_of([str(part) for part in first["loc"]])
    unknown = str(first["loc"][-1]) if first["loc"] else ""
    parent = ".".join(section)
    key = ".".join([*section, unknown])
    if first["type"] != "extra_forbidden":
        # What is wrong between sections has no key of its own.
        subject = f"config key '{key}'" if key else "configuration"
        return InputError(subject, _complaint(first), "see config/README.md for what it may be")
    siblings = sorted({name for model in models for name in model.model_fields})
    for other in alternatives:
        if unknown in other.model_fields:
            problem = " or ".join(f"`{_discriminator(model)}`" for model in models)
            return InputError(
                f"config key '{key}'",
                f"is unknown with {problem}",
                f"add `{_discriminator(other)}` to '{parent}', or remove the key",
            )
    everything = siblings + [name for other in alternatives for name in other.model_fields]
    close = difflib.get_close_matches(unknown, everything, n=1, cutoff=0.5)
    if close:
        hint = f"did you mean '{'.'.join([*section, close[0]])}'?"
    elif siblings:
        hint = f"valid keys {'in ' + repr(parent) if parent else 'at the top'} are {', '.join(siblings)}"
    else:
        hint = "remove it, or see config/README.md"
    return InputError(f"config key '{key}'", "is unknown", hint)


def _complaint(item: Mapping[str, Any]) -> str:
    """One of pydantic's messages as a clause, with the value it is about."""
    message = str(item["msg"])
    message = re.sub(r"^Value error, ", "", message)
    value = item.get("input")
    shown = f"{value!r}: " if isinstance(value, (str, int, float, bool)) else ""
    return f"{shown}{message[:1].lower()}{message[1:]}"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """All settings classes an annotation can hold, through Optional, unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def _section_of(parts: list[str]) -> tuple[list[str], list[type[BaseModel]], list[type[BaseModel]]]:
    """Where pydantic found the last of ``parts``.

    Returns
    -------
    The section's key, without the tags that pydantic adds for alternatives of a union; the settings that the section
    may be of; and its alternatives, which another tag would have chosen.
    """
    section: list[str] = []
    models: list[type[BaseModel]] = [Config]
    alternatives: list[type[BaseModel]] = []
    free_name = False
    for part in parts[:-1]:
        tagged = [model for model in models if (_discriminator(model) or "").endswith(f": {part}")]
        if tagged and not free_name:
            alternatives = [model for model in models if model not in tagged]
            models = tagged
            continue
        section.append(part)
        named = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        # A part that is no field is the name of a method, say, or a place in a list: stay where we are.
        if named and not free_name:
            models, alternatives = [inner for annotation in named for inner in models_in(annotation)], []
        free_name = not free_name and any(_is_mapping(annotation) for annotation in named)
    return section, models, alternatives


def describe_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """All keys below a model as (key, what it may be, default, description), sections before what is in them."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner = list(dict.fromkeys(models_in(field.annotation)))
        mapping = _is_mapping(field.annotation)
        yield key, _type_text(field), _default_text(field), field.description or ""
        for child in inner:
            tag = _discriminator(child)
            below = f"<{tag or 'name'}>." if mapping else f"<{tag}>." if tag and len(inner) > 1 else ""
            yield from describe_keys(child, f"{key}.{below}")


def _discriminator(model: type[BaseModel]) -> str | None:
    """What tells a model from its alternatives: the only value that its first key may have."""
    first = next(iter(model.model_fields.values()))
    values = typing.get_args(first.annotation) if typing.get_origin(first.annotation) is Literal else ()
    return f"{next(iter(model.model_fields))}: {values[0]}" if len(values) == 1 else None


def _is_mapping(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return any(_is_mapping(argument) for argument in typing.get_args(annotation))
    return origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping))


def _type_text(field: Any) -> str:
    """What a key may be, in words: the type and its limits."""
    text = _annotation_text(field.annotation)
    limits = []
    for limit in field.metadata:
        for sign, attribute in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
            if getattr(limit, attribute, None) is not None:
                limits.append(f"{sign} {getattr(limit, attribute)}")
        if getattr(limit, "multiple_of", None) is not None:
            limits.append(f"multiple of {limit.multiple_of}")
    return ", ".join([text, *limits])


def _annotation_text(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "null"
    if annotation is Any:
        return "value"
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin is typing.Annotated:
        return _annotation_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_annotation_text(argument) for argument in arguments))
    if origin in (list, tuple, set, frozenset):
        inner = dict.fromkeys(_annotation_text(argument) for argument in arguments if argument is not Ellipsis)
        count = f"{len(arguments)} of " if origin is tuple and Ellipsis not in arguments else "list of "
        return count + " / ".join(inner)
    if _is_mapping(annotation):
        return f"{_annotation_text(arguments[1])} by name" if arguments else "values by name"
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            return "section"
        return {"str": "text", "int": "whole number", "float": "number", "bool": "true / false", "Path": "path"}.get(
            annotation.__name__, annotation.__name__
        )
    return str(annotation)


def _default_text(field: Any) -> str:
    """A key's default as YAML would have it; empty for sections."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, Mapping) and any(isinstance(item, BaseModel) for item in value.values()):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{json.dumps(to_jsonable_python(value))}`"
