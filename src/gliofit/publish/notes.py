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
_FAILURES_NAMED = 10


def common_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return notes on numbers, marks and the number of cases."""
    if cohort.metrics.empty:
        return [*notes("no-cohort")]
    scored = cohort.metrics[cohort.metrics["role"] != "oracle"]
    n, run = int(scored["case"].nunique()), str(cohort.metrics["run"].iloc[0])
    about_patients = cohort.metrics["cohort"].iloc[0] == "patients"
    count = patient_count(cohort.cases) if about_patients else f"{n} {'case' if n == 1 else 'cases'}"
    found = [*notes("this-run", run=run, count=count)]
    if about_patients:
        found += [*case_notes(cohort.cases), *failure_notes(cohort.metrics, settings)]
    found.append(_integrator_note(cohort))
    unsettled = scored[scored["status"] == "not-converged"].groupby("method", sort=False).size()
    if len(unsettled):
        counts = ", ".join(f"{method_name(str(m), settings.method_names)} {k}" for m, k in unsettled.items())
        found += notes("not-converged", counts=counts)
    tested = _tested_methods(cohort)
    found += _test_notes(cohort, tested, settings)
    if n < 30:
        smallest = min(1.0, 2.0 ** (1 - n))
        # A Wilcoxon test of so few pairs cannot reach the level.
        kind = "few" if not tested else "few-tested" if smallest < settings.significance else "few-wilcoxon"
        found += notes(kind, n=n, smallest=smallest)
    return [*found, *notes("paper-lines")]


def _tested_methods(cohort: Cohort) -> int:
    """Return the number of methods with at least one test."""
    if cohort.tests.empty:
        return 0
    possible = cohort.tests[["t_p", "wilcoxon_p"]].notna().any(axis=1)
    return int(cohort.tests.loc[possible, "method"].nunique())


def _test_notes(cohort: Cohort, tested: int, settings: PublishSettings) -> tuple[str, ...]:
    """Return a note on the marks of significance, or why there are none."""
    if cohort.against is None:
        return notes("no-tests")
    against = method_name(cohort.against, settings.method_names)
    methods = f"{tested} {'method' if tested == 1 else 'methods'}"
    level = settings.significance
    return notes("tests" if tested else "no-pairs", against=against, pairs=MIN_PAIRS, level=level, methods=methods)


def patient_count(cases: pd.DataFrame) -> str:
    """Return the number of patients included and in total as text."""
    return f"{int((cases['status'] == 'used').sum())} of {len(cases)} {'patient' if len(cases) == 1 else 'patients'}"


def case_notes(cases: pd.DataFrame) -> list[str]:
    """Return a note on excluded patients with the reasons."""
    left_out = cases[cases["status"] == "left out"]
    reasons = "; ".join(f"{row['case']} ({row['message']})" for _, row in left_out.iterrows())
    return [f"Patients excluded: {reasons}."] if reasons else []


def failure_notes(metrics: pd.DataFrame, settings: PublishSettings) -> list[str]:
    """Return a note on failed methods by patient with their messages, at most ten."""
    failed = metrics[metrics["status"] == "failed"]
    named = [
        f"{method_name(str(row['method']), settings.method_names)} on {row['case']} ({row['message']})"
        for _, row in failed.head(_FAILURES_NAMED).iterrows()
    ]
    more = len(failed) - len(named)
    return [f"Failed: {'; '.join(named)}{f'; and {more} more' if more else ''}."] if named else []


def _integrator_note(cohort: Cohort) -> str:
    """Return a note on the integrators of simulated data and forward simulations."""
    parts = []
    for column, what in (("data_integrator", "simulated data"), ("final_integrator", "forward simulations")):
        names = cohort.metrics[column].dropna().drop_duplicates() if column in cohort.metrics else []
        if len(names):
            parts.append(f"{what}: {', '.join(str(name) for name in names)}")
        elif column == "final_integrator":
            parts.append(f"{what}: not recorded")
    return f"Forward integrators – {'; '.join(parts)}."


def observation_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return a note on the observation of each method."""
    if cohort.metrics.empty:
        return []
    parts = []
    for observation, group in cohort.metrics.dropna(subset="observation").groupby("observation", sort=False):
        names = [method_name(str(m), settings.method_names) for m in group["method"].unique()]
        parts.append(f"{_OBSERVED.get(str(observation), str(observation))}: {', '.join(names)}")
    return [f"Observed by the methods – {'; '.join(parts)}."] if parts else []


def choice_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Return a note on the start that each hybrid method chose, and how often it was the better one."""
    found: list[str] = []
    for method in cohort.methods:
        rows = cohort.metrics[cohort.metrics["method"] == method]
        chosen, judged = rows["chosen"].dropna(), rows["choice_was_better"].dropna().astype(float)
        counts = ", ".join(f"{kind} {count}" for kind, count in chosen.value_counts().sort_index().items())
        if counts:
            values = {"right": int(judged.sum()), "total": len(judged), "share": 100 * judged.mean()}
            name = method_name(method, settings.method_names)
            found += notes("choice-judged" if len(judged) else "choice", name=name, counts=counts, **values)
    return found
