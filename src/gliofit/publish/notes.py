"""Notes below tables: meaning of numbers and marks, and cases included."""

from __future__ import annotations

import pandas as pd

from gliofit.metrics.statistics import MIN_PAIRS
from gliofit.publish.cohort import Cohort
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name
from gliofit.report.texts import notes

_OBSERVED = {
    "concentration": "the concentration", "reference": "the reference concentration",
    "segmentation": "the tumour segmentation",
}  # fmt: skip

#: Largest number of failures listed one by one.
_FAILURES_LISTED = 10


def common_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return notes on numbers, marks and the number of cases."""
    metrics = cohort.metrics
    if metrics.empty:
        return [*notes("no-cohort")]
    scored = metrics[metrics["role"] != "oracle"]
    n, patients = int(scored["case"].nunique()), metrics["cohort"].iloc[0] == "patients"
    count = patient_count(cohort.cases) if patients else f"{n} {'case' if n == 1 else 'cases'}"
    texts = [*notes("this-run", run=str(metrics["run"].iloc[0]), count=count)]
    if patients:
        texts += [*case_notes(cohort.cases), *failure_notes(metrics, settings)]
    texts.append(_integrator_note(metrics))
    stopped = scored[scored["status"] == "not-converged"].groupby("method", sort=False).size()
    if len(stopped):
        counts = ", ".join(f"{method_name(str(m), settings.method_names)} {k}" for m, k in stopped.items())
        texts += notes("not-converged", counts=counts)
    possible = cohort.tests[cohort.tests[["t_p", "wilcoxon_p"]].notna().any(axis=1)]
    tested, level = int(possible["method"].nunique()), settings.significance
    if cohort.against is None:
        texts += notes("no-tests")
    else:
        against = method_name(cohort.against, settings.method_names)
        methods = f"{tested} {'method' if tested == 1 else 'methods'}"
        kind = "tests" if tested else "no-pairs"
        texts += notes(kind, against=against, pairs=MIN_PAIRS, level=level, methods=methods)
    if n < 30:
        smallest = min(1.0, 2.0 ** (1 - n))
        # A Wilcoxon test of so few pairs cannot reach the level.
        kind = "few" if not tested else "few-tested" if smallest < level else "few-wilcoxon"
        texts += notes(kind, n=n, smallest=smallest)
    return [*texts, *notes("paper-lines")]


def patient_count(cases: pd.DataFrame) -> str:
    """Return the number of patients included and in total as text."""
    return f"{int((cases['status'] == 'used').sum())} of {len(cases)} {'patient' if len(cases) == 1 else 'patients'}"


def case_notes(cases: pd.DataFrame) -> list[str]:
    """Return a note on excluded patients with the reasons."""
    excluded = cases[cases["status"] == "left out"]
    reasons = "; ".join(f"{row['case']} ({row['message']})" for _, row in excluded.iterrows())
    return [f"Patients excluded: {reasons}."] if reasons else []


def failure_notes(metrics: pd.DataFrame, settings: PublishSettings) -> list[str]:
    """Return a note on failed methods by patient with their messages, at most ten."""
    failed = metrics[metrics["status"] == "failed"]
    texts = [
        f"{method_name(str(row['method']), settings.method_names)} on {row['case']} ({row['message']})"
        for _, row in failed.head(_FAILURES_LISTED).iterrows()
    ]
    more = len(failed) - len(texts)
    return [f"Failed: {'; '.join(texts)}{f'; and {more} more' if more else ''}."] if texts else []


def _integrator_note(metrics: pd.DataFrame) -> str:
    """Return a note on the integrators of simulated data and forward simulations."""
    data, final = (
        ", ".join(map(str, metrics[name].dropna().unique())) for name in ("data_integrator", "final_integrator")
    )
    simulated = f"simulated data: {data}; " if data else ""
    return f"Forward integrators – {simulated}forward simulations: {final or 'not recorded'}."


def observation_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return a note on the observation of each method."""
    if cohort.metrics.empty:
        return []
    parts = []
    for observation, group in cohort.metrics.groupby("observation", sort=False):
        names = [method_name(str(method), settings.method_names) for method in group["method"].unique()]
        parts.append(f"{_OBSERVED.get(str(observation), str(observation))}: {', '.join(names)}")
    return [f"Observed by the methods – {'; '.join(parts)}."] if parts else []


def choice_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return a note on the candidate that each hybrid method chose, and how often it was the better one."""
    texts: list[str] = []
    for method in cohort.methods:
        rows = cohort.metrics[cohort.metrics["method"] == method]
        chosen, better = rows["chosen"].dropna(), rows["choice_was_better"].dropna().astype(float)
        if len(chosen):
            counts = ", ".join(f"{kind} {count}" for kind, count in chosen.value_counts().sort_index().items())
            values = {"right": int(better.sum()), "total": len(better), "share": 100 * better.mean()}
            name = method_name(method, settings.method_names)
            texts += notes("choice-judged" if len(better) else "choice", name=name, counts=counts, **values)
    return texts
