"""Warnings at the top of a report."""

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
from gliofit.report.texts import section

#: Largest validation loss without warning, relative to that of predicting the mean.
_LARGE_LOSS = {"surrogate": 0.1}
_LARGE_LOSS_OF_OTHERS = 0.5

#: Smallest number of cases for a ranking.
_FEW = 30

#: Largest number of cases, methods or reasons listed.
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
    """Return the warnings, most severe first.

    Parameters
    ----------
    cohorts
        Evaluated cohorts by name.
    checks
        Patient to the row of its ``qc.parquet``.
    networks
        Network to the content of its ``model.json``.
    record
        Records of the run's jobs.
    phantoms
        Whether the patients are phantoms.
    settings
        Printed names of methods.
    """
    found = []
    for status in ("poor", "check"):
        rows = {case: row for case, row in checks.items() if row["status"] == status}
        cases = [f"{case} ({row['message']})" if row["message"] else case for case, row in rows.items()]
        found += [_text(status, cases=_some(cases))] if cases else []
    for name, cohort in cohorts.items():
        out = cohort.cases[cohort.cases["status"] == "left out"]
        reasons = _some(f"{row['case']} ({row['message']})" for _, row in out.iterrows())
        if reasons:
            count, total = len(out), len(cohort.cases)
            found.append(_text("left-out", count=count, total=total, cohort=_COHORTS[name], reasons=reasons))
    for name, cohort in cohorts.items():
        found += _of_methods(cohort, _COHORTS[name], settings)
    found += [*_of_networks(networks), *_of_solvers(cohorts)]
    if phantoms and "patients" in cohorts:
        found.append(_text("phantoms"))
    for name, cohort in cohorts.items():
        n = cohort.metrics["case"].nunique()
        if n < _FEW:
            kind = "no-test" if n < MIN_PAIRS else "few"
            found.append(_text(kind, n=n, cohort=_COHORTS[name], pairs=MIN_PAIRS))
    if len(record.revisions) > 1:
        found.append(_text("revisions", count=len(record.revisions)))
    if any(revision.endswith("-dirty") for revision in record.revisions):
        found.append(_text("dirty"))
    return found


def _text(name: str, /, **values: Any) -> str:
    return str(section("warnings")[name]).format(**values)


def _of_methods(cohort: Cohort, cases: str, settings: PublishSettings) -> list[str]:
    """Return warnings on methods that failed, found no tumour, did not converge or question their results."""
    metrics = cohort.metrics[cohort.metrics["role"] != "oracle"]
    total = metrics["case"].nunique()
    nothing = (metrics["status"] != "failed") & (metrics["dice_whole_033"] == 0)
    found = []
    for text, rows in (
        ("Failed", metrics[metrics["status"] == "failed"]),
        ("No tumour (c is below 0.33 everywhere in the segmentation)", metrics[nothing]),
        ("Not converged", metrics[metrics["status"] == "not-converged"]),
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
    """Merge notes that differ only in numbers, the most frequent first."""
    groups: dict[str, list[str]] = {}
    for note in notes:
        groups.setdefault(_without_numbers(note), []).append(note)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [same[0] if len(set(same)) == 1 else text for text, same in ordered]


def _of_networks(networks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    for name, model in networks.items():
        share = model["validation"]["loss"] / model["validation"]["baseline"]["loss"]
        if share > _LARGE_LOSS.get(model["kind"], _LARGE_LOSS_OF_OTHERS):
            found.append(f"{name} {share:.0%}")
    return [_text("networks", names=", ".join(found))] if found else []


def _of_solvers(cohorts: Mapping[str, Cohort]) -> list[str]:
    """Return warnings on cohorts simulated with the integrator of the forward simulations."""
    same: dict[str, list[str]] = {}
    for name, cohort in cohorts.items():
        grown, final = (set(cohort.metrics[kind].dropna()) for kind in ("data_integrator", "final_integrator"))
        if grown & final:
            same.setdefault(", ".join(sorted(grown & final)), []).append(_COHORTS[name])
    return [_text("same-solver", names=" and ".join(names), solvers=solvers) for solvers, names in same.items()]


def _parts(message: Any) -> list[str]:
    return [part for part in str(message).split("; ") if part] if pd.notna(message) else []


def _without_numbers(note: str) -> str:
    return re.sub(r"[−-]?\d+(\.\d+)?(e[+-]?\d+)?", "…", note)


def _some(texts: Sequence[str] | Iterable[str], between: str = ", ") -> str:
    """Join the first texts and the number of further ones."""
    every = list(texts)
    more = len(every) - _NAMED
    return between.join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")
