from __future__ import annotations

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
