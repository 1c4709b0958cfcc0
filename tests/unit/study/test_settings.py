from __future__ import annotations

from typing import Any

import pytest

from gliofit.core.errors import InputError
from gliofit.pipeline.config import load_config
from gliofit.study.settings import StudySettings


def test_batches_hold_every_case_once():
    settings = StudySettings(cases=12, cases_per_job=5)
    assert settings.batches == ["00000", "00001", "00002"]
    assert [settings.cases_of(batch) for batch in settings.batches] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    # More cases leave full batches as they are.
    assert StudySettings(cases=100).cases_of("00001") == [5, 6, 7, 8, 9]
    assert StudySettings().batches == []


def test_scenarios_have_methods_of_their_own():
    settings = StudySettings(scenarios={"a": {"methods": ["cmaes-solver", "gauss-newton"]}, "b": {}})
    assert settings.methods_of("a") == ("cmaes-solver", "gauss-newton")
    assert settings.methods_of("b") == ("gauss-newton",)
    assert settings.methods_in_use == ["cmaes-solver", "gauss-newton"]
    assert list(StudySettings().scenarios) == ["accurate", "reference"]


@pytest.mark.parametrize(
    ("study", "parts"),
    [
        ({"scenarios": {"fine": {"spacing_mm": 1.5}}}, ["scenarios.fine.spacing_mm", "1.5", "2", "whole number"]),
        ({"scenarios": {"coarse": {"spacing_mm": 4.0}}}, ["scenarios.coarse.spacing_mm", "whole number"]),
        ({"scenarios": {"Noise 1": {}}}, ["scenarios"]),
        ({"scenarios": {}}, ["scenarios"]),
        ({"scenarios": {"a": {"nois": 0.1}}}, ["study.scenarios.a.nois", "study.scenarios.a.noise"]),
        (
            {"scenarios": {"reference": {"integrator": {"max_reaction_step": 0.1}}}},
            ["study.scenarios.reference.integrator", "name: reference"],
        ),
        ({"cases": 1, "methods": ["newton"]}, ["newton", "invert.methods", "gauss-newton"]),
        ({"cases": 1, "methods": ["hybrid"], "spacing_mm": 3.0}, ["hybrid", "voxels of 4 mm"]),
        ({"cases": 1, "scenarios": {"a": {"methods": ["direct"]}}, "spacing_mm": 3.0}, ["direct", "voxels of 4 mm"]),
    ],
)
def test_wrong_values_are_named(study: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        load_config({"study": study})
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_methods_are_not_looked_at_without_a_study() -> None:
    assert load_config({"study": {"methods": ["newton"]}}).study.cases == 0


def test_a_scenario_may_have_the_first_tumours_only():
    settings = StudySettings(cases=3, scenarios={"accurate": {}, "reference": {"first_cases": 2}})
    assert settings.runs_of(1) == [("accurate", "gauss-newton"), ("reference", "gauss-newton")]
    assert settings.runs_of(2) == [("accurate", "gauss-newton")]
    with pytest.raises(ValueError, match="one at least must have all tumours"):
        StudySettings(cases=3, scenarios={"accurate": {"first_cases": 2}})
