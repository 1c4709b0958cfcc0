"""What a reader of a run's report has to know first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gliofit.metrics.statistics import MIN_PAIRS
from gliofit.publish.cohort import Cohort
from gliofit.publish.patient_warnings import doubts
from gliofit.publish.run_record import RunRecord
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import quoted_name

__all__ = ["run_warnings"]

#: What a network's validation loss may be of that of a constant guess before a reader is told.
_LARGE_LOSS = {"surrogate": 0.1}
_LARGE_LOSS_OF_OTHERS = 0.5

#: Fewer cases than these carry no ranking.
_FEW = 30

#: Cases, methods or reasons named one by one.
_NAMED = 8

_COHORTS = {"synthetic": "synthetic cases", "patients": "patients"}


def run_warnings(
    cohorts: Mapping[str, Cohort],
    checks: Mapping[str, pd.Series],
    networks: Mapping[str, Mapping[str, Any]],
    record: RunRecord,
    phantoms: bool,
    settings: PublishSettings,
) -> list[str]:
    """Sentences, the gravest first; none where all is well.

    Parameters
    ----------
    cohorts
        Evaluated cohorts by name.
    checks
        Patient to the row of its ``qc.parquet``.
    networks
        Network to the content of its ``model.json``.
    record
        What the jobs of the run say of themselves.
    phantoms
        Whether the patients are phantoms.
    settings
        Printed names of methods.
    """
    found = [*_registrations(checks), *_gaps(cohorts)]
    for name, cohort in cohorts.items():
        found += _of_methods(cohort, _COHORTS[name], settings)
    found += _of_networks(networks)
    found += _of_solvers(cohorts)
    if phantoms and "patients" in cohorts:
        found.append(
            "The patients are phantoms, simulated tumours in deformed atlases: they test the chain, not the model."
        )
    found += _of_tests(cohorts)
    if len(record.revisions) > 1:
        found.append(
            f"Jobs were run by {len(record.revisions)} revisions of the code: results of different stages may not "
            "belong together."
        )
    if any(revision.endswith("-dirty") for revision in record.revisions):
        found.append("The code had changes that were not committed: the revision alone does not say what was run.")
    return found


def _registrations(checks: Mapping[str, pd.Series]) -> list[str]:
    found = []
    for status, text in (
        ("poor", "Poor registrations, whose results should not be used"),
        ("check", "Registrations that a person should look at before the results are used"),
    ):
        cases = [
            f"{case} ({row['message']})" if row["message"] else case
            for case, row in checks.items()
            if row["status"] == status
        ]
        if cases:
            found.append(f"{text}: {_some(cases)}.")
    return found


def _gaps(cohorts: Mapping[str, Cohort]) -> list[str]:
    found = []
    for name, cohort in cohorts.items():
        out = cohort.cases[cohort.cases["status"] == "left out"]
        if len(out):
            reasons = [f"{row['case']} ({row['message']})" for _, row in out.iterrows()]
            found.append(f"Left out are {len(out)} of {len(cohort.cases)} {_COHORTS[name]}: {_some(reasons)}.")
    return found


def _of_methods(cohort: Cohort, cases: str, settings: PublishSettings) -> list[str]:
    """Methods that failed, show nothing, stopped early or doubt their results; the same by several said once."""
    metrics = cohort.metrics[cohort.metrics["role"] != "oracle"]
    total = metrics["case"].nunique()
    nothing = (metrics["status"] != "failed") & (metrics["dice_whole_033"] == 0)
    found = []
    for text, rows in (
        ("Failed", metrics[metrics["status"] == "failed"]),
        ("Nothing where the tumour is (c reaches 0.33 nowhere in the segmentation)", metrics[nothing]),
        ("Stopped before the search had converged", metrics[metrics["status"] == "not-converged"]),
    ):
        counts = [
            f"{quoted_name(str(method), settings.method_names)} {len(part)} of {total}"
            for method, part in rows.groupby("method", sort=False)
        ]
        if counts:
            notes = [note for message in rows["message"] for note in _parts(message)]
            said = [] if text.startswith("Nothing") else [n for n in notes if text == "Failed" or not doubts(n)]
            reasons = _some(_common(said), "; ")
            found.append(f"{text}, on {cases}: {', '.join(counts)}{f' ({reasons})' if reasons else ''}.")
    doubted: dict[str, list[tuple[str, str, str]]] = {}
    for _, row in metrics[metrics["status"] != "failed"].iterrows():
        for note in _parts(row["message"]):
            if doubts(note):
                where = doubted.setdefault(_without_numbers(note), [])
                where.append((note, str(row["method"]), str(row["case"])))
    for where in doubted.values():
        [text] = _common([note for note, _, _ in where])
        names = dict.fromkeys(quoted_name(method, settings.method_names) for _, method, _ in where)
        count = len({case for _, _, case in where})
        found.append(f"{text[:1].upper()}{text[1:]}; on {count} of {total} {cases}, {_some(list(names))}.")
    return found


def _common(notes: Sequence[str]) -> list[str]:
    """Notes that differ in numbers alone said once, with a gap in place of the numbers, the commonest first."""
    groups: dict[str, list[str]] = {}
    for note in notes:
        groups.setdefault(_without_numbers(note), []).append(note)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [same[0] if len(set(same)) == 1 else text for text, same in ordered]


def _of_networks(networks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    for name, model in networks.items():
        validation = model["validation"]
        share = validation["loss"] / validation["baseline"]["loss"]
        if share > _LARGE_LOSS.get(model["kind"], _LARGE_LOSS_OF_OTHERS):
            found.append(f"{name} {share:.0%}")
    if not found:
        return []
    return [
        f"Networks with a large validation loss, as a share of that of a constant guess: {', '.join(found)}. What "
        "rests on them says little of their design."
    ]


def _of_solvers(cohorts: Mapping[str, Cohort]) -> list[str]:
    """Cohorts whose tumours were grown by the solver that scores estimates."""
    same: dict[str, list[str]] = {}
    for name, cohort in cohorts.items():
        grown, final = (set(cohort.metrics[kind].dropna()) for kind in ("data_integrator", "final_integrator"))
        if grown & final:
            same.setdefault(", ".join(sorted(grown & final)), []).append(_COHORTS[name])
    return [
        f"The tumours of {' and '.join(names)} were grown by the solver that scores estimates and that methods on the "
        f"solver fit with ({solvers}): the model is exact there, as it never is on people, and such methods can come "
        "close to no error."
        for solvers, names in same.items()
    ]


def _of_tests(cohorts: Mapping[str, Cohort]) -> list[str]:
    """Cohorts too small for tests, or for a ranking."""
    found = []
    for name, cohort in cohorts.items():
        n = cohort.metrics["case"].nunique()
        if n < MIN_PAIRS:
            found.append(
                f"With {n} {_COHORTS[name]} no test between methods is possible (it takes {MIN_PAIRS}); read their "
                "numbers as an illustration, not as a ranking."
            )
        elif n < _FEW:
            found.append(
                f"Few {_COHORTS[name]} (n = {n}): means depend on single cases. Read them as an illustration, not as a "
                "ranking."
            )
    return found


def _parts(message: Any) -> list[str]:
    return [part for part in str(message).split("; ") if part] if pd.notna(message) else []


def _without_numbers(note: str) -> str:
    return re.sub(r"[−-]?\d+(\.\d+)?(e[+-]?\d+)?", "…", note)


def _some(texts: Sequence[str] | Iterable[str], between: str = ", ") -> str:
    """The first of some texts, and how many more there are."""
    every = list(texts)
    more = len(every) - _NAMED
    return between.join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")
