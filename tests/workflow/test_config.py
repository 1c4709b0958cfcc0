from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from gliofit.core.errors import InputError
from gliofit.pipeline.config import Config, load_config, read_config
from gliofit.solver.settings import AccurateSettings
from gliofit.train.settings import ModelSettings, NetworkRole, architecture_names
from tools.config_keys import describe_keys
from tools.generate import generated_files

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = [*sorted((REPOSITORY / "config").glob("*.yaml")), REPOSITORY / "tests/e2e/smoke.yaml"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert read_config(path).run == path.stem
    schema = json.loads((REPOSITORY / "workflow/schemas/config.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


@pytest.mark.parametrize("path", generated_files(REPOSITORY), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.is_file(), "run `make generate`"
    assert path.read_text() == generated_files(REPOSITORY)[path], "run `make generate`"


def test_every_key_is_described() -> None:
    keys = list(describe_keys())
    assert len(keys) > 100
    assert not [key for key, _, _, description in keys if len(description) < 4]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # Unknown keys, with the nearest one.
        ("simulat: {}", ["simulat", "simulate"]),
        ("simulate: {sampels_per_shard: 3}", ["simulate.sampels_per_shard", "simulate.samples_per_shard"]),
        (
            "forward: {integrator: {masked_seed: 1}}",
            ["forward.integrator.masked_seed", "forward.integrator.mask_seed"],
        ),
        ("train: {models: {x: {architectur: y}}}", ["architectur", "train.models.x.architecture"]),
        ("invert: {methods: {direct: {inverter: direct, orign: free}}}", ["orign", "origin"]),
        ("patients: {sources: here}", ["patients.sources", "patients.source"]),
        (
            "forward: {integrator: {max_reaction_step: 0.2}}",
            ["'forward.integrator.max_reaction_step': is unknown with `name: accurate`",
             "add `name: reference` to 'forward.integrator'"],
        ),
        (
            "simulate: {integrator: {name: reference, tolerance: 0.1}}",
            ["'simulate.integrator.tolerance': is unknown with `name: reference`",
             "add `name: accurate` to 'simulate.integrator'"],
        ),
        (
            "invert: {methods: {a: {inverter: cmaes-solver, integrator: {mask_seed: false}}}}",
            ["'invert.methods.a.integrator.mask_seed'", "add `name: reference` to 'invert.methods.a.integrator'"],
        ),
        ("forward: {integrator: {tolerence: 0.1}}", ["forward.integrator.tolerence", "forward.integrator.tolerance"]),
        # Wrong values.
        ("seed: x", ["seed", "integer"]),
        ("simulate: {samples_per_shard: 0}", ["simulate.samples_per_shard", "greater than or equal to 1"]),
        ("tissue: both", ["tissue", "labels", "probabilities"]),
        ("run: a/b", ["run"]),
        ("forward: {integrator: {name: exact}}", ["forward.integrator", "exact", "accurate", "reference"]),
        ("forward: {integrator: {tolerance: 5}}", ["'forward.integrator.tolerance'", "less than or equal to 0.1"]),
        (
            "invert: {methods: {direct: {inverter: cmaes-solver, popsize: 2}}}",
            ["'invert.methods.direct.popsize'", "greater than or equal to 4"],
        ),
        ("cohorts: []", ["cohorts"]),
        ("invert: {methods: {a: {inverter: nothing}}}", ["nothing", "cmaes-solver"]),
        # Values of a section that contradict each other.
        ("plan: {barriers: falx.nii.gz}", ["'plan': barriers must contain {case}"]),
        ("simulate: {warps: {train_shards: 2}}", ["config key 'simulate':"]),
        ("train: {models: {a: {architecture: unet, devices: 3, batch_size: 4}}}", ["config key 'train.models.a':"]),
        ("train: {models: {a: {architecture: lmi, flip_axes: []}}}", ["config key 'train.models.a':"]),
    ],
)  # fmt: skip
def test_wrong_keys_and_values_are_named(text: str, parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_config(yaml.safe_load(text))
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_may_be_written_as_text() -> None:
    assert load_config({"train": {"crop": {"spacing_mm": "1e-3"}}}).train.crop.spacing_mm == pytest.approx(1e-3)


def test_an_integrator_without_a_name_is_accurate() -> None:
    config = load_config({"forward": {"integrator": {"tolerance": 0.01}}, "simulate": {"integrator": {}}})
    assert config.forward.integrator == AccurateSettings(tolerance=0.01)
    assert config.simulate.integrator == AccurateSettings()
    schema = json.loads((REPOSITORY / "workflow/schemas/config.schema.json").read_text())
    for section in ({}, {"precision": "float64"}, {"name": "reference", "mask_seed": False}):
        jsonschema.validate({"forward": {"integrator": section}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"forward": {"integrator": {"mask_seed": False}}}, schema)


def test_integrators_of_the_shipped_configurations() -> None:
    for name, expected in {"demo": "accurate", "brats": "accurate", "paper": "reference"}.items():
        config = read_config(REPOSITORY / f"config/{name}.yaml")
        stages = (config.simulate, config.forward, config.invert.methods["cmaes-solver"])
        assert {stage.integrator.name for stage in stages} == {expected}


def test_configuration_survives_json() -> None:
    config = Config()
    assert load_config(json.loads(json.dumps(config.model_dump(mode="json")))) == config


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"])
def test_broken_yaml_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_config(path)


def test_nothing_heavy_is_imported_when_the_workflow_starts() -> None:
    code = "import sys, gliofit.pipeline.config, gliofit.pipeline.job, gliofit.register.patients; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "ants", "numba", "cma", "matplotlib", "nilearn", "sklearn", "snakemake", "monai"}
    assert not heavy & set(result.stdout.split())


LMI = "invert: {methods: {lmi: {inverter: lmi}}, patient_observation: segmentation}\n"
LMI_MODEL = "train: {models: {lmi: {architecture: lmi, anatomies: atlas, flip_axes: []}}}\n"


def test_a_concentration_does_not_keep_a_theta_from_being_refined() -> None:
    refined = LMI.replace("{inverter: lmi}", "{inverter: lmi}, b: {inverter: gauss-newton, refines: lmi}")
    config = load_config(yaml.safe_load(refined + LMI_MODEL))
    assert config.networks_of("lmi") == {"lmi": "lmi"}
    assert config.invert.chain("b") == ["lmi", "b"]


@pytest.mark.parametrize(
    ("text", "code", "key"),
    [
        ("assess: {models: [other]}", "unknown-reference", "assess.models"),
        ("assess: {models: [direct-inverse]}", "unfit-reference", "assess.models"),
        (f"{LMI}{LMI_MODEL}assess: {{models: [lmi]}}", "unfit-reference", "assess.models"),
        ("assess: {sensitivity: {surrogates: [x]}}", "unknown-reference", "assess.sensitivity.surrogates"),
        (
            "assess: {sensitivity: {surrogates: [guided-unet], method: cmaes-surrogate}}",
            "unfit-reference", "assess.sensitivity.method",
        ),
        ("assess: {stability: {cases: 2, method: x}}", "unknown-reference", "assess.stability.method"),
        ("assess: {stability: {cases: 2, method: direct}}", "unfit-reference", "assess.stability.method"),
        ("assess: {stability: {cases: 2, method: gradient-surrogate}}", "unfit-reference", "assess.stability.method"),
        ("assess: {stability: {cases: 7}}", "too-few-cases", "assess.stability.cases"),
        (
            "{assess: {sensitivity: {surrogates: [guided-unet]}}, simulate: {test_cases: 0}}",
            "too-few-cases", "assess.sensitivity",
        ),
        (LMI, "unknown-reference", "invert.methods.lmi.lmi"),
        ("invert: {methods: {lmi: {inverter: lmi, lmi: guided-unet}}}", "unfit-reference", "invert.methods.lmi.lmi"),
        ("invert: {methods: {d: {inverter: direct, direct: mine}}}", "unknown-reference", "invert.methods.d.direct"),
        (
            "invert: {methods: {hybrid: {inverter: hybrid, surrogate: direct-inverse}}}",
            "unfit-reference", "invert.methods.hybrid.surrogate",
        ),
        (
            "invert: {patient_observation: segmentation, methods: "
            "{a: {inverter: static-field}, b: {inverter: gauss-newton, refines: a}}}",
            "unfit-reference", "invert.methods.b.refines",
        ),
        (
            "invert: {methods: {b: {inverter: gauss-newton, refines: a}}}",
            "unknown-reference", "invert.methods.b.refines",
        ),
        (f"{LMI}{LMI_MODEL}study: {{cases: 1, methods: [lmi]}}", "unfit-reference", "study.methods"),
        ("study: {cases: 1, methods: [hybrid-refined]}", "unfit-reference", "study.methods"),
        ("study: {cases: 1, scenarios: {a: {methods: [x]}}}", "unknown-reference", "study.scenarios.a.methods"),
        ("study: {cases: 1, methods: [hybrid], spacing_mm: 1.5}", "voxel-sizes", "study.spacing_mm"),
        ("plan: {methods: [x]}", "unknown-reference", "plan.methods"),
        ("publish: {cases: [synthetic-00006]}", "unknown-reference", "publish.cases"),
        ("cases_per_job: {methods: {x: 2}}", "unknown-reference", "cases_per_job.methods"),
        ("evaluate: {other_references: [statik-field]}", "unknown-reference", "evaluate.other_references"),
        ("evaluate: {reference_method: x}", "no-reference", "evaluate.reference_method"),
        ("evaluate: {reference_method: hybrid}", "no-reference", "evaluate.reference_method"),
    ],
)  # fmt: skip
def test_sections_must_agree(text: str, code: str, key: str) -> None:
    with pytest.raises(InputError) as error:
        load_config(yaml.safe_load(text))
    assert (error.value.code, error.value.subject) == (code, f"config key '{key}'")


def test_an_unknown_reference_has_the_nearest_name_that_fits() -> None:
    with pytest.raises(InputError, match="did you mean 'hybrid'") as error:
        load_config({"study": {"cases": 1, "methods": ["hybird-refined", "hybird"]}, "plan": {"methods": ["hybird"]}})
    assert error.value.subject == "config key 'plan.methods'"
    with pytest.raises(InputError) as error:
        load_config({"study": {"cases": 1, "methods": ["hybrid-refind"]}})
    assert "hybrid-refined" not in error.value.hint


def test_sections_that_are_not_in_use_may_name_anything() -> None:
    unused = {"study": {"methods": ["x"]}, "assess": {"stability": {"method": "x"}, "sensitivity": {"method": "x"}}}
    assert load_config(unused).study.methods == ("x",)


def test_roles_of_networks_are_those_of_their_classes() -> None:
    from gliofit.train.architecture import find_architecture

    kinds = {"surrogate": NetworkRole.SURROGATE, "direct-inverse": NetworkRole.DIRECT, "atlas-inverse": NetworkRole.LMI}
    for name in architecture_names():
        settings = ModelSettings(architecture=name, anatomies="atlas", flip_axes=())
        assert settings.role is kinds[find_architecture(name).kind], name
