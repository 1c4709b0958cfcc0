"""Main result of a run, one sentence per cohort."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gliofit.publish.cohort import Cohort, Observed
from gliofit.publish.notes import patient_count
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import quoted_name
from gliofit.report.numbers import format_quantity

#: Per observation of patients: score, best value, and phrase.
_QUESTIONS: tuple[tuple[Observed, str, str, str], ...] = (
    ("segmentation", "dice_whole_033", "max", "explains it best (median Dice of the whole tumour {})"),
    ("reference", "mse_volume", "min", "reproduces it best (median MSE {})"),
)


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
    found = []
    if "synthetic" in cohorts:
        found.append(_on_synthetic(cohorts["synthetic"], settings))
    if "patients" in cohorts:
        found.append(_on_patients(cohorts["patients"], phantoms, settings))
    return found


def _on_synthetic(cohort: Cohort, settings: PublishSettings) -> str:
    n = cohort.metrics["case"].nunique()
    medians = _medians(cohort.metrics[cohort.metrics["role"] == "method"], "mse_volume")
    text = f"On {n} synthetic {'tumour' if n == 1 else 'tumours'}(known ground truth) "
    if medians.empty:
        return f"{text}all methods failed."
    best, worst = _named(medians, medians.min(), settings), _named(medians, medians.max(), settings)
    text += f"{best} had the lowest error of the concentration (median MSE {format_quantity(medians.min())}"
    oracle = cohort.metrics.loc[cohort.metrics["role"] == "oracle", "mse_volume"].median()
    if pd.notna(oracle):
        text += f"; with the true parameters {format_quantity(oracle)}"
    return f"{text}){f', {worst} least ({format_quantity(medians.max())})' if worst != best else ''}."


def _on_patients(cohort: Cohort, phantoms: bool, settings: PublishSettings) -> str:
    who = " phantom" if phantoms else ""
    count = patient_count(cohort.cases).replace(" patient", f"{who} patient")
    parts = []
    for observed, metric, best, text in _QUESTIONS:
        medians = _medians(_candidates(cohort, observed), metric)
        if len(medians):
            value = float(medians.agg(best))
            seen = "reference concentration" if observed == "reference" else observed
            names = _named(medians, value, settings)
            shown = text.format(format_quantity(value, form=".2f" if observed == "segmentation" else ""))
            several = f"of {len(medians)} methods with a growth model that observed the {seen}, {names} {shown}"
            alone = f"{names}, the only method with a growth model that observed the {seen}, {shown}"
            parts.append(several if len(medians) > 1 else alone.replace(" best ", " "))
    said = "; ".join(parts) if parts else "no method has a result"
    return f"On {count}, {said}."


def _candidates(cohort: Cohort, observed: Observed) -> pd.DataFrame:
    """Select methods with this observation and a growth model."""
    rows = cohort.metrics
    return rows[(rows["observation"] == observed) & (~cohort.free_fields | (rows["status"] == "failed"))]


def _medians(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Return the median score by method, for the methods with the most cases."""
    scores = rows[rows[metric].notna()].groupby("method", sort=False)[metric]
    counts = scores.count()
    return scores.median()[counts == counts.max()]


def _named(medians: pd.Series, value: float, settings: PublishSettings) -> str:
    """Return the methods whose median is printed as this value."""
    same = [method for method, other in medians.items() if format_quantity(other) == format_quantity(value)]
    names = [quoted_name(str(method), settings.method_names) for method in same]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
