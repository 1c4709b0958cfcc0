from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import gliofit.invert.methods as methods
from gliofit.core.errors import InputError
from gliofit.invert.base import AbstractInverter
from gliofit.invert.registry import find_inverter, inverter_names
from gliofit.invert.settings import BoundsSettings, InvertSettings
from gliofit.pipeline.config import load_config


def test_every_file_is_an_inverter_of_its_name():
    files = sorted(path.stem.replace("_", "-") for path in Path(methods.__path__[0]).glob("[a-z]*.py"))
    assert list(inverter_names()) == files
    for name in files:
        found = find_inverter(name)
        assert issubclass(found, AbstractInverter)
        assert found.settings_type.model_validate({"inverter": name}).inverter == name


def test_unknown_inverter_names_the_valid_ones():
    with pytest.raises(InputError, match="name one of cmaes-solver, cmaes-surrogate, direct"):
        find_inverter("magic")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"inverter": "direct", "sigma0": 0.2}, "unknown key 'sigma0'; valid for inverter 'direct' are inverter, "),
        ({"inverter": "hybird"}, "unknown inverter 'hybird'; valid are cmaes-solver"),
        ({"origin": "free"}, "no 'inverter'; valid are cmaes-solver"),
        ("direct", "needs keys"),
        ({"inverter": "cmaes-solver", "popsize": 2}, "popsize"),
        ({"inverter": "hybrid", "origin": "centre"}, "origin"),
    ],
)
def test_wrong_entries_are_refused_with_what_is_right(entry, says):
    with pytest.raises(ValidationError, match=says):
        InvertSettings(methods={"mine": entry})


def test_the_message_reaches_the_user_through_the_configuration():
    with pytest.raises(InputError, match="valid for inverter 'direct' are"):
        load_config({"invert": {"methods": {"mine": {"inverter": "direct", "sigma0": 0.2}}}})


@pytest.mark.parametrize("name", ["oracle", "With Space", "a/b", ""])
def test_names_that_cannot_be_folders_of_results_are_refused(name):
    with pytest.raises(ValidationError):
        InvertSettings(methods={name: {"inverter": "direct"}})


def test_defaults():
    settings = InvertSettings()
    assert list(settings.methods) == [
        "cmaes-solver", "cmaes-surrogate", "direct", "gauss-newton", "gradient-surrogate", "gradient-surrogate-com",
        "hybrid", "hybrid-com", "hybrid-refined",
    ]  # fmt: skip
    assert settings.methods["hybrid-com"].origin == "com-fixed"
    assert settings.observation_of("hybrid", "synthetic") == "concentration"
    assert settings.observation_of("hybrid", "patients") == "reference"
    assert settings.observation_of("cmaes-solver", "patients") == "segmentation"
    changed = InvertSettings(patient_observation="segmentation")
    assert changed.observation_of("hybrid", "patients") == "segmentation"
    assert settings.networks_of("hybrid") == {"surrogate": "guided-unet", "direct": "direct-inverse"}
    assert settings.networks_of("direct") == {"direct": "direct-inverse"}
    assert settings.networks_of("cmaes-surrogate") == {"surrogate": "guided-unet"}
    assert settings.networks_of("cmaes-solver") == {}
    assert [name for name in settings.methods if settings.keeps_other(name)] == ["hybrid", "hybrid-com"]


def test_settings_survive_json():
    settings = InvertSettings(
        methods={"a": {"inverter": "cmaes-solver", "schedule": [{"spacing_mm": 2, "evaluations": 9}]}}
    )
    assert InvertSettings.model_validate(json.loads(settings.model_dump_json())) == settings


def test_schema_lists_every_methods_keys():
    text = json.dumps(InvertSettings.model_json_schema())
    for name in inverter_names():
        for key in find_inverter(name).settings_type.model_fields:
            assert f'"{key}"' in text


def test_bounds_are_checked():
    with pytest.raises(ValidationError, match="lower value below"):
        BoundsSettings(mu_rho=(3.0, 1.0))
    with pytest.raises(ValidationError, match="positive distances"):
        BoundsSettings(origin_reach_mm=(0.0, 1.0, 1.0))


def test_configuration_loads_nothing_heavy():
    code = "import sys, gliofit.invert.settings; print({'torch', 'cma', 'numba', 'ants', 'pandas'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_methods_of_one_cohort():
    settings = InvertSettings(
        methods={
            "direct": {"inverter": "direct"},
            "direct-segmentation": {"inverter": "direct", "cohorts": ["patients"]},
        }
    )
    assert settings.methods_of("synthetic") == ["direct"]
    assert settings.methods_of("patients") == ["direct", "direct-segmentation"]


def test_refining_needs_the_refined_method_on_the_same_cohorts():
    direct = {"inverter": "direct", "cohorts": ["patients"]}
    refined = {"inverter": "gauss-newton", "refines": "direct"}
    with pytest.raises(ValidationError, match="runs on synthetic and refines 'direct', which does not"):
        InvertSettings(methods={"direct": direct, "refined": refined})
    both = InvertSettings(methods={"direct": direct, "refined": refined | {"cohorts": ["patients"]}})
    assert both.chain("refined") == ["direct", "refined"]
