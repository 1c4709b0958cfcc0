"""Methods whose estimate is a concentration: who writes it, and who reads it."""

from __future__ import annotations

from pathlib import Path

from gliofit.pipeline.case_jobs import Batches, Unit
from gliofit.pipeline.config import load_config
from gliofit.pipeline.plan import Plan


def units(rule: str, **raw: object) -> list[Unit]:
    """What the jobs of a kind do."""
    return [unit for batch in Batches(Plan(load_config(raw))).of[rule] for unit in batch.units]


def test_a_field_goes_from_the_inversion_to_the_forward_simulation() -> None:
    methods = {name: {"inverter": name} for name in ("static-field", "gliodil")}
    raw = {"invert": {"methods": methods}, "cohorts": ["synthetic"]}
    written = {unit.wildcards["method"]: unit.output for unit in units("invert_case", **raw)}
    assert "concentration" in written["static-field"]
    assert "concentration" not in written["gliodil"]
    read = {unit.wildcards["estimate"]: unit.input for unit in units("run_forward", **raw)}
    assert Path(str(read["static-field"]["field"])).parts[-2:] == ("static-field", "concentration.nii.gz")
    assert not any("field" in read[estimate] for estimate in ("gliodil", "oracle"))


def test_what_works_in_the_atlas_gets_it_with_the_way_there() -> None:
    """Patients need the atlas' tissue and their transforms; synthetic cases live in the atlas."""
    methods = {"lmi": {"inverter": "lmi"}, "a": {"inverter": "static-field"}}
    network = {"architecture": "lmi", "anatomies": "atlas", "flip_axes": []}
    invert = {"methods": methods, "patient_observation": "segmentation"}
    inversions = units("invert_case", invert=invert, train={"models": {"lmi": network}})
    for unit in inversions:
        in_atlas = unit.wildcards["method"] == "lmi"
        assert ("lmi" in unit.input) == in_atlas
        way = {"atlas", "transforms"} if in_atlas and unit.wildcards["cohort"] == "patients" else set()
        assert unit.input.keys() & {"atlas", "transforms"} == way
    assert {unit.wildcards["cohort"] for unit in inversions} == {"synthetic", "patients"}
