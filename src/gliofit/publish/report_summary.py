"""The main result of a run, a sentence for each cohort."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gliofit.publish.cohort import Cohort, Observed
from gliofit.publish.notes import patient_count
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import quoted_name
from gliofit.report.numbers import format_quantity

__all__ = ["summary_sentences"]

#: What patients' methods observed, the score of that, which end of it is best, and how it is said.
_QUESTIONS: tuple[tuple[Observed, str, str, str], ...] = (
    ("segmentation", "dice_whole_033", "max", "explains it best (median Dice of the whole tumour {})"),
    ("reference", "mse_volume", "min", "reproduces it best (median MSE {})"),
)


def summary_sentences(cohorts: Mapping[str, Cohort], phantoms: bool, settings: PublishSettings) -> list[str]:
    """A sentence on the synthetic cohort and one on patients, as far as the run has them.

    Compared are medians over cases, of methods that have a score for every case (where none has, for most of them), so
    that nobody wins by failing on what is hard.

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
    text = f"On {n} synthetic {'tumour' if n == 1 else 'tumours'}, whose truth is known, "
    if medians.empty:
        return f"{text}no method has a result."
    best, worst = _named(medians, medians.min(), settings), _named(medians, medians.max(), settings)
    text += f"{best} came closest to the true concentration (median MSE {format_quantity(medians.min())}"
    oracle = cohort.metrics.loc[cohort.metrics["role"] == "oracle", "mse_volume"].median()
    if pd.notna(oracle):
        text += f"; the true parameters themselves leave {format_quantity(oracle)}"
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
            several = f"of {len(medians)} methods with a growth model that saw the {seen}, {names} {shown}"
            alone = f"{names}, the one method with a growth model that saw the {seen}, {shown}"
            parts.append(several if len(medians) > 1 else alone.replace(" best ", " "))
    said = "; ".join(parts) if parts else "no method has a result"
    return f"On {count}, {said}."


def _candidates(cohort: Cohort, observed: Observed) -> pd.DataFrame:
    """Rows of the methods that observed this and have a growth model; a free field can follow any outline."""
    rows = cohort.metrics
    return rows[(rows["observation"] == observed) & (~cohort.free_fields | (rows["status"] == "failed"))]


def _medians(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Median of a score by method, of the methods with the most cases."""
    scores = rows[rows[metric].notna()].groupby("method", sort=False)[metric]
    counts = scores.count()
    return scores.median()[counts == counts.max()]


def _named(medians: pd.Series, value: float, settings: PublishSettings) -> str:
    """Methods whose median is printed as this value."""
    same = [method for method, other in medians.items() if format_quantity(other) == format_quantity(value)]
    names = [quoted_name(str(method), settings.method_names) for method in same]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
