"""The configuration, composed of the settings of the stages.

Single source of keys, defaults and descriptions: ``make generate`` writes ``workflow/schemas/config.schema.json``, the
table in ``config/README.md`` and the conda files in ``envs/``. No heavy imports: Snakemake imports this module at every
start.
"""

from __future__ import annotations

import difflib
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from gliofit.assess.settings import AssessSettings
from gliofit.atlas.settings import AtlasSettings
from gliofit.core.errors import InputError
from gliofit.core.references import Kind, MethodName, check_references
from gliofit.core.settings import Settings
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.forward.settings import ForwardSettings
from gliofit.invert.settings import InvertSettings
from gliofit.plan.settings import PlanSettings
from gliofit.publish.settings import PublishSettings
from gliofit.register.settings import PatientsSettings, PhantomSettings, RegisterSettings
from gliofit.simulate.settings import SimulateSettings
from gliofit.study.settings import StudySettings
from gliofit.train.settings import TrainSettings

# Sections have the names of stages; the `register` of pydantic's metaclass is unrelated.
warnings.filterwarnings("ignore", message='Field name "register" in "Config" shadows')


class BatchSettings(Settings):
    """Number of cases per job, by cohort."""

    synthetic: int = Field(
        1,
        ge=1,
        description="Synthetic cases per job. 1: one job per case, so that little is lost after an interruption; 25 "
        "keeps a large study in hundreds of jobs.",
    )
    patients: int = Field(1, ge=1, description="Patients per job; each is registered in a separate job.")
    methods: dict[MethodName, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="Largest number of cases per job of slow methods: the time limit of a cluster applies to all cases "
        "of a job.",
    )

    def size(self, cohort: str, method: str | None = None) -> int:
        """Return the largest number of cases in a job, for jobs of inversions by a method."""
        size: int = getattr(self, cohort)
        return size if method is None else min(size, self.methods.get(method, size))


class Config(Settings):
    """Configuration of a run, with a section per stage."""

    run: str = Field(
        "demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="Name of the run; results go to `results/{run}`."
    )
    seed: int = Field(1, ge=0, description="Seed; each job derives its seed from it and from stable names.")
    cohorts: list[Literal["synthetic", "patients"]] = Field(
        ["synthetic", "patients"],
        min_length=1,
        description="Cohorts to evaluate: test samples with known theta, and patients (real ones or phantoms).",
    )
    tissue: Literal["labels", "probabilities"] = Field(
        "labels",
        description="Tissue of the growth model: binary white and grey matter of the label map, as in the paper, or "
        "the probability maps.",
    )
    cases_per_job: BatchSettings = Field(BatchSettings(), description="Number of cases per job (docs/workflow.md).")
    atlas: AtlasSettings = Field(AtlasSettings(), description="Atlas of the healthy brain.")
    patients: PatientsSettings = Field(PatientsSettings(), description="Patients.")
    phantoms: PhantomSettings = Field(PhantomSettings(), description="Phantom patients, used without real ones.")
    register: RegisterSettings = Field(RegisterSettings(), description="Atlas to patient registration.")
    simulate: SimulateSettings = Field(SimulateSettings(), description="Synthetic tumours.")
    train: TrainSettings = Field(TrainSettings(), description="Surrogates and inverse networks.")
    invert: InvertSettings = Field(InvertSettings(), description="Inversion methods.")
    forward: ForwardSettings = Field(ForwardSettings(), description="Forward simulation of estimates.")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="Metrics and tests.")
    plan: PlanSettings = Field(PlanSettings(), description="Radiotherapy targets of patients (optional).")
    study: StudySettings = Field(
        StudySettings(), description="Inversion of many synthetic tumours under several scenarios (optional)."
    )
    assess: AssessSettings = Field(AssessSettings(), description="Comparison of surrogates and solver (optional).")
    publish: PublishSettings = Field(PublishSettings(), description="Tables, figures and report.")

    @model_validator(mode="after")
    def _references_exist(self) -> Config:
        check_references(self, {
            Kind.METHOD: {method: self.invert.traits_of(method) for method in self.invert.methods},
            Kind.NETWORK: {name: {network.role} for name, network in self.train.models.items()},
            Kind.CASE: {case: set() for case in self.simulate.case_names()},
        })  # fmt: skip
        return self

    @model_validator(mode="after")
    def _reference_is_made(self) -> Config:
        reference, methods = self.evaluate.reference_method, self.invert.methods_of("patients")
        observing = [name for name in methods if self.invert.observation_of(name, "patients") == "reference"]
        if "patients" in self.cohorts and observing and (reference not in methods or reference in observing):
            problem = f"'{reference}' must make the reference concentration that '{observing[0]}' observes"
            hint = f"let invert.methods.{reference} observe the segmentation, or set invert.patient_observation"
            raise InputError("config key 'evaluate.reference_method'", problem, hint, "no-reference")
        return self

    @model_validator(mode="after")
    def _study_suits_networks(self) -> Config:
        for method in self.study.methods_in_use if self.study.in_use else ():
            for model in self.invert.methods[method].networks.values():
                ratio = self.train.crop_of(model).spacing_mm / self.study.spacing_mm
                if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-3 * ratio:
                    problem = f"must divide the voxel size of network '{model}' of '{method}' (train.crop.spacing_mm)"
                    raise InputError("config key 'study.spacing_mm'", problem, "change one of them", "voxel-sizes")
        return self

    @model_validator(mode="after")
    def _assessment_has_cases(self) -> Config:
        stability, available = self.assess.stability, self.simulate.test_cases
        needed = max(stability.cases, int(self.assess.sensitivity.in_use))
        if needed > available:
            part = "stability.cases" if stability.in_use else "sensitivity"
            problem = f"needs {needed} synthetic cases, and simulate.test_cases is {available}"
            raise InputError(f"config key 'assess.{part}'", problem, "raise simulate.test_cases", "too-few-cases")
        return self

    def networks_of(self, method: str) -> dict[str, str]:
        """Return the networks of a method by role: ``surrogate``, ``direct`` and ``lmi``."""
        return self.invert.methods[method].networks


def load_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration, and fill in the defaults.

    Raises
    ------
    InputError
        For the first error, with its key; for unknown keys with the nearest valid one.
    """
    try:
        return Config.model_validate(dict(raw))
    except ValidationError as error:
        raise _as_input_error(error) from error


def read_config(path: str | Path) -> Config:
    """Read and validate a YAML file."""
    from gliofit.core.yaml_file import read_yaml

    return load_config(read_yaml(path))


def _as_input_error(error: ValidationError) -> InputError:
    """Convert the first error of pydantic to an InputError with a hint."""
    # Unknown keys first: a misspelt key is often also reported as missing.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return cause
    section, models, alternatives = _section_of([str(part) for part in first["loc"]])
    unknown = str(first["loc"][-1]) if first["loc"] else ""
    parent = ".".join(section)
    key = ".".join([*section, unknown])
    # Errors between sections have no key.
    subject = f"config key '{key}'" if key else "configuration"
    if first["type"] != "extra_forbidden":
        message, value = first["msg"].removeprefix("Value error, "), first.get("input")
        shown = f"{value!r}: " if isinstance(value, (str, int, float)) else ""
        problem = f"{shown}{message[:1].lower()}{message[1:]}"
        return InputError(subject, problem, "see config/README.md for valid values")
    for other in alternatives:
        if unknown in other.model_fields:
            problem = f"is unknown with {' or '.join(f'`{discriminator(model)}`' for model in models)}"
            return InputError(subject, problem, f"add `{discriminator(other)}` to '{parent}', or remove the key")
    siblings = sorted({name for model in models for name in model.model_fields})
    candidates = siblings + [name for other in alternatives for name in other.model_fields]
    close = difflib.get_close_matches(unknown, candidates, n=1, cutoff=0.5)
    if close:
        hint = f"did you mean '{'.'.join([*section, close[0]])}'?"
    elif siblings:
        hint = f"valid keys {'in ' + repr(parent) if parent else 'at the top'} are {', '.join(siblings)}"
    else:
        hint = "remove it, or see config/README.md"
    return InputError(subject, "is unknown", hint)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the settings classes in an annotation, through Optional, unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def _section_of(parts: list[str]) -> tuple[list[str], list[type[BaseModel]], list[type[BaseModel]]]:
    """Locate the last of ``parts``.

    Returns
    -------
    The section's key, without pydantic's tags for alternatives of a union; possible settings classes of the section;
    and its alternatives.
    """
    section: list[str] = []
    models: list[type[BaseModel]] = [Config]
    alternatives: list[type[BaseModel]] = []
    free_name = False
    for part in parts[:-1]:
        tagged = [model for model in models if (discriminator(model) or "").endswith(f": {part}")]
        if tagged and not free_name:
            alternatives = [model for model in models if model not in tagged]
            models = tagged
            continue
        section.append(part)
        named = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        # Other parts are names of methods or positions in lists.
        if named and not free_name:
            models, alternatives = [inner for annotation in named for inner in models_in(annotation)], []
        free_name = not free_name and any(is_mapping(annotation) for annotation in named)
    return section, models, alternatives


def discriminator(model: type[BaseModel]) -> str | None:
    """Return the discriminator of a model: the only valid value of its first key."""
    name, field = next(iter(model.model_fields.items()))
    values = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is Literal else ()
    return f"{name}: {values[0]}" if len(values) == 1 else None


def is_mapping(annotation: Any) -> bool:
    """Return whether an annotation is a mapping, through Optional and unions."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return any(is_mapping(argument) for argument in typing.get_args(annotation))
    return origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping))
