"""Summary and warnings at the top of a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gliofit.metrics.statistics import MIN_PAIRS
from gliofit.publish.cohort import Cohort, Observed
from gliofit.publish.notes import patient_count
from gliofit.publish.patient_record import message_parts
from gliofit.publish.patient_warnings import questions_result
from gliofit.publish.run_record import RunRecord
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import quoted_name
from gliofit.report.numbers import format_quantity
from gliofit.report.texts import section

#: Per observation of patients: score, best value, format, and phrase.
_QUESTIONS: tuple[tuple[Observed, str, str, str, str], ...] = (
    ("segmentation", "dice_whole_033", "max", ".2f", "explains it best (median Dice of the whole tumour {})"),
    ("reference", "mse_volume", "min", "", "reproduces it best (median MSE {})"),
)

#: Largest validation loss without warning, relative to that of predicting the mean.
_LARGE_LOSS = {"surrogate": 0.1}
_LARGE_LOSS_OF_OTHERS = 0.5

#: Smallest number of cases for a ranking; largest number of cases, methods or reasons listed.
_FEW, _LISTED = 30, 8

_COHORTS = {"synthetic": "synthetic cases", "patients": "patients"}


def summary_sentences(cohorts: Mapping[str, Cohort], phantoms: bool, settings: PublishSettings) -> list[str]:
    """Return a sentence on each cohort of the run.

    Methods are compared by their median over cases; only methods with a score on all cases (or on the largest number of
    cases) are included, since failures on hard cases would improve the median.

    Parameters
    ----------
    cohorts
        Evaluated cohorts by name.
    phantoms
        Whether the patients are phantoms.
    settings
        Printed names of methods.
    """
    sentences = []
    if "synthetic" in cohorts:
        sentences.append(_synthetic_summary(cohorts["synthetic"], settings))
    if "patients" in cohorts:
        sentences.append(_patient_summary(cohorts["patients"], phantoms, settings))
    return sentences


def _synthetic_summary(cohort: Cohort, settings: PublishSettings) -> str:
    n = cohort.metrics["case"].nunique()
    medians = _medians(cohort.metrics[cohort.metrics["role"] == "method"], "mse_volume")
    text = f"On {n} synthetic {'tumour' if n == 1 else 'tumours'} (known ground truth), "
    if medians.empty:
        return f"{text}all methods failed."
    best, worst = (_methods_with(medians, value, settings) for value in (medians.min(), medians.max()))
    text += f"{best} had the lowest error of the concentration (median MSE {format_quantity(medians.min())}"
    oracle = cohort.metrics.loc[cohort.metrics["role"] == "oracle", "mse_volume"].median()
    if pd.notna(oracle):
        text += f"; with the true parameters {format_quantity(oracle)}"
    return f"{text}){f', {worst} the highest ({format_quantity(medians.max())})' if worst != best else ''}."


def _patient_summary(cohort: Cohort, phantoms: bool, settings: PublishSettings) -> str:
    count = patient_count(cohort.cases)
    if phantoms:
        count = count.replace(" patient", " phantom patient")
    parts = []
    for observed, metric, best, form, phrase in _QUESTIONS:
        # Methods without a growth model can fit any outline.
        with_model = ~cohort.free_fields | (cohort.metrics["status"] == "failed")
        medians = _medians(cohort.metrics[(cohort.metrics["observation"] == observed) & with_model], metric)
        if len(medians):
            value = float(medians.agg(best))
            names, answer = _methods_with(medians, value, settings), phrase.format(format_quantity(value, form=form))
            target = f"with a growth model that observed the {observed}{' concentration' * (observed == 'reference')}"
            if len(medians) > 1:
                parts.append(f"of {len(medians)} methods {target}, {names} {answer}")
            else:
                parts.append(f"{names}, the only method {target}, {answer.replace(' best ', ' ')}")
    return f"On {count}, {'; '.join(parts) or 'no method has a result'}."


def _medians(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Return the median score by method, for the methods with the most cases."""
    scores = rows[rows[metric].notna()].groupby("method", sort=False)[metric]
    counts = scores.count()
    return scores.median()[counts == counts.max()]


def _methods_with(medians: pd.Series, value: float, settings: PublishSettings) -> str:
    """Return the names of the methods whose median is printed as this value."""
    same = [method for method, other in medians.items() if format_quantity(other) == format_quantity(value)]
    *first, last = [quoted_name(str(method), settings.method_names) for method in same]
    return f"{', '.join(first)} and {last}" if first else last


def run_warnings(
    cohorts: Mapping[str, Cohort], checks: Mapping[str, pd.Series], networks: Mapping[str, Mapping[str, Any]],
    record: RunRecord, phantoms: bool, settings: PublishSettings,
) -> list[str]:  # fmt: skip
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
    warnings = []
    for status in ("poor", "check"):
        rows = {case: row for case, row in checks.items() if row["status"] == status}
        cases = [f"{case} ({row['message']})" if row["message"] else case for case, row in rows.items()]
        if cases:
            warnings.append(_text(status, cases=_list(cases)))
    for name, cohort in cohorts.items():
        out = cohort.cases[cohort.cases["status"] == "left out"]
        if len(out):
            reasons = _list(f"{row['case']} ({row['message']})" for _, row in out.iterrows())
            counts = {"count": len(out), "total": len(cohort.cases)}
            warnings.append(_text("left-out", cohort=_COHORTS[name], reasons=reasons, **counts))
    for name, cohort in cohorts.items():
        warnings += _method_warnings(cohort, _COHORTS[name], settings)
    warnings += [*_network_warnings(networks), *_solver_warnings(cohorts)]
    if phantoms and "patients" in cohorts:
        warnings.append(_text("phantoms"))
    for name, cohort in cohorts.items():
        n = cohort.metrics["case"].nunique()
        if n < _FEW:
            warnings.append(_text("no-test" if n < MIN_PAIRS else "few", n=n, cohort=_COHORTS[name], pairs=MIN_PAIRS))
    if len(record.revisions) > 1:
        warnings.append(_text("revisions", count=len(record.revisions)))
    if any(revision.endswith("-dirty") for revision in record.revisions):
        warnings.append(_text("dirty"))
    return warnings


def _text(name: str, /, **values: Any) -> str:
    return str(section("warnings")[name]).format(**values)


def _method_warnings(cohort: Cohort, cases: str, settings: PublishSettings) -> list[str]:
    """Return warnings on methods that failed, found no tumour, did not converge or question their results."""
    metrics = cohort.metrics[cohort.metrics["role"] != "oracle"]
    total = metrics["case"].nunique()
    successful = metrics[metrics["status"] != "failed"]
    warnings = []
    for text, rows in (
        ("Failed", metrics[metrics["status"] == "failed"]),
        ("No tumour (c is below 0.33 everywhere in the segmentation)", successful[successful["dice_whole_033"] == 0]),
        ("Not converged", metrics[metrics["status"] == "not-converged"]),
    ):
        counts = [
            f"{quoted_name(str(method), settings.method_names)} {len(part)} of {total}"
            for method, part in rows.groupby("method", sort=False)
        ]
        notes = [note for message in rows["message"] for note in message_parts(message)]
        if text != "Failed":
            notes = [note for note in notes if text == "Not converged" and not questions_result(note)]
        if counts:
            reasons = _list(_merge(notes), "; ")
            warnings.append(f"{text}, on {cases}: {', '.join(counts)}{f' ({reasons})' if reasons else ''}.")
    questioned: dict[str, list[tuple[str, str, str]]] = {}
    for _, row in successful.iterrows():
        for note in filter(questions_result, message_parts(row["message"])):
            entry = (note, str(row["method"]), str(row["case"]))
            questioned.setdefault(_without_numbers(note), []).append(entry)
    for entries in questioned.values():
        [text] = _merge([note for note, _, _ in entries])
        names = _list(dict.fromkeys(quoted_name(method, settings.method_names) for _, method, _ in entries))
        count = len({case for _, _, case in entries})
        warnings.append(f"{text[:1].upper()}{text[1:]}; on {count} of {total} {cases}, {names}.")
    return warnings


def _merge(notes: Sequence[str]) -> list[str]:
    """Merge notes that differ only in numbers, the most frequent first."""
    groups: dict[str, list[str]] = {}
    for note in notes:
        groups.setdefault(_without_numbers(note), []).append(note)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [same[0] if len(set(same)) == 1 else text for text, same in ordered]


def _network_warnings(networks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a warning on networks with a large validation loss."""
    names = []
    for name, model in networks.items():
        share = model["validation"]["loss"] / model["validation"]["baseline"]["loss"]
        if share > _LARGE_LOSS.get(model["kind"], _LARGE_LOSS_OF_OTHERS):
            names.append(f"{name} {share:.0%}")
    return [_text("networks", names=", ".join(names))] if names else []


def _solver_warnings(cohorts: Mapping[str, Cohort]) -> list[str]:
    """Return warnings on cohorts simulated with the integrator of the forward simulations."""
    names_by_solver: dict[str, list[str]] = {}
    for name, cohort in cohorts.items():
        data, final = (set(cohort.metrics[kind].dropna()) for kind in ("data_integrator", "final_integrator"))
        if data & final:
            names_by_solver.setdefault(", ".join(sorted(data & final)), []).append(_COHORTS[name])
    return [
        _text("same-solver", names=" and ".join(names), solvers=solvers) for solvers, names in names_by_solver.items()
    ]


def _without_numbers(note: str) -> str:
    return re.sub(r"[−-]?\d+(\.\d+)?(e[+-]?\d+)?", "…", note)


def _list(texts: Iterable[str], separator: str = ", ") -> str:
    """Join the first texts and the number of further ones."""
    texts = list(texts)
    more = len(texts) - _LISTED
    return separator.join(texts[:_LISTED]) + (f" and {more} more" if more > 0 else "")
