"""Sources of our numbers for a table of the paper: cohorts of runs, and scenarios of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError
from gliofit.core.io import read_json
from tools.reproduce.runs import KNOWN_RUNS

#: Records of runs by the run's name, in the order of the page.
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """Cases of a run with several methods.

    Parameters
    ----------
    label
        Run, and the scenario if it is one of a study.
    scale
        Description of the cases.
    methods
        Entries of the record by method.
    pairs
        Comparison of methods by case.
    """

    label: str
    scale: str
    methods: Mapping[str, Mapping[str, Any]]
    pairs: Sequence[Mapping[str, Any]]


def read_records(folder: Path) -> Records:
    """Read the records of a folder, those of known runs first.

    Raises
    ------
    InputError
        If there is none, or one is damaged.
    """
    found = {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}
    if not found:
        raise InputError(folder, "contains no records of runs", "run python -m tools.reproduce record results/*")
    order = [run.name for run in KNOWN_RUNS]
    return {name: found[name] for name in sorted(found, key=lambda name: (*_place(name, order), name))}


def _place(name: str, order: Sequence[str]) -> tuple[bool, int]:
    return (name not in order, order.index(name) if name in order else 0)


def synthetic_sources(records: Records) -> list[Source]:
    """Return sources of tumours with known theta from the paper's ranges: synthetic cohorts, and scenarios of studies.

    Scenarios with noise, other voxels or other tissue have no counterpart in the paper and are excluded.
    """
    found = []
    for name, record in records.items():
        cohort = record.get("cohorts", {}).get("synthetic")
        if cohort:
            by = _listed(cohort["data_integrator"])
            scale = f"{cohort['cases']} tumours grown by integrator {by}, {cohort['spacing_mm']:g} mm"
            methods = {m: entry for m, entry in cohort["methods"].items() if entry["role"] == "method"}
            found.append(Source(name, scale, methods, cohort["pairs"]))
        rows = [row for row in record.get("study", []) if row["preset"] == "paper" and row["undisturbed"]]
        for scenario in dict.fromkeys(row["scenario"] for row in rows):
            part = [row for row in rows if row["scenario"] == scenario]
            first = part[0]
            scale = f"{first['cases']} tumours grown by integrator {first['integrator']}, {first['spacing_mm']:g} mm"
            pairs = [pair for row in part for pair in row["pairs"]]
            found.append(Source(f"{name}, {scenario}", scale, {row["method"]: row for row in part}, pairs))
    return found


def patient_sources(records: Records, observed: str, phantoms: bool = False) -> list[Source]:
    """Return cohorts of patients with the methods that observed the reference (or the segmentation).

    As in the paper, ``lmi`` and ``gliodil`` are included with those that observed the reference.
    """
    from gliofit.publish.cohort import LIKE_THE_PAPER

    found = []
    for name, record in records.items():
        cohort = record.get("cohorts", {}).get("patients")
        if cohort is None or (cohort["phantoms"] and not phantoms):
            continue
        methods = {
            method: entry
            for method, entry in cohort["methods"].items()
            if entry["observation"] == observed or (observed == "reference" and method in LIKE_THE_PAPER)
        }
        kind = "phantom patients" if cohort["phantoms"] else "patients"
        found.append(Source(name, f"{cohort['cases']} {kind}, {cohort['spacing_mm']:g} mm", methods, cohort["pairs"]))
    return found


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if names else "no known integrator"
