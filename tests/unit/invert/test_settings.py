from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import gliofit.invert.methods as methods
from gliofit.invert.base import AbstractInverter
from gliofit.invert.settings import InvertSettings, inverters


def test_every_file_is_an_inverter_of_its_name():
    files = sorted(path.stem.replace("_", "-") for path in Path(methods.__path__[0]).glob("[a-z]*.py"))
    assert list(inverters()) == files
    for name, inverter in inverters().items():
        assert issubclass(inverter, AbstractInverter)
        assert inverter.model_validate({"inverter": name}).inverter == name


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
    surrogate, direct = {"surrogate": "guided-unet"}, {"direct": "direct-inverse"}
    networks = {"hybrid": surrogate | direct, "direct": direct, "cmaes-surrogate": surrogate, "cmaes-solver": {}}
    assert {name: settings.methods[name].networks for name in networks} == networks
    assert [name for name in settings.methods if settings.methods[name].keeps_other] == ["hybrid", "hybrid-com"]


def test_settings_survive_json():
    settings = InvertSettings(
        methods={"a": {"inverter": "cmaes-solver", "schedule": [{"spacing_mm": 2, "evaluations": 9}]}}
    )
    assert InvertSettings.model_validate(json.loads(settings.model_dump_json())) == settings


def test_refining_needs_the_refined_method_on_the_same_cohorts():
    direct = {"inverter": "direct", "cohorts": ["patients"]}
    refined = {"inverter": "gauss-newton", "refines": "direct"}
    with pytest.raises(ValidationError, match="runs on synthetic and refines 'direct', which does not"):
        InvertSettings(methods={"direct": direct, "refined": refined})
    both = InvertSettings(methods={"direct": direct, "refined": refined | {"cohorts": ["patients"]}})
    assert both.chain("refined") == ["direct", "refined"]
