"""Notes under the tables: what the numbers are, which cases they are about, what the marks mean."""

from __future__ import annotations

import pandas as pd

from gliofit.metrics.statistics import MIN_PAIRS
from gliofit.publish.cohort import Cohort
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name

__all__ = ["case_notes", "choice_notes", "common_notes", "failure_notes", "observation_notes", "patient_count"]

_OBSERVED = {
    "concentration": "the concentration",
    "reference": "the reference concentration",
    "segmentation": "the tumour segmentation",
}

#: Failures that a note names one by one.
_FAILURES_NAMED = 10


def common_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """What the numbers are, what the marks mean, and how far few cases carry."""
    if cohort.metrics.empty:
        return ["This cohort is not part of the run: the table holds the paper’s numbers alone."]
    scored = cohort.metrics[cohort.metrics["role"] != "oracle"]
    n = int(scored["case"].nunique())
    run = str(cohort.metrics["run"].iloc[0])
    about_patients = cohort.metrics["cohort"].iloc[0] == "patients"
    count = patient_count(cohort.cases) if about_patients else f"{n} {'case' if n == 1 else 'cases'}"
    notes = [
        f"This run: “{run}”, {count}. Mean ± standard error over the n cases with a score, "
        "then the median; failed cases have none and enter no mean. Bold: best, underlined: second best mean of this "
        "run’s methods.",
        *(case_notes(cohort.cases) if about_patients else []),
        *(failure_notes(cohort.metrics, settings) if about_patients else []),
        _integrator_note(cohort),
    ]
    unsettled = scored[scored["status"] == "not-converged"].groupby("method", sort=False).size()
    if len(unsettled):
        counts = ", ".join(f"{method_name(str(m), settings.method_names)} {k}" for m, k in unsettled.items())
        notes.append(f"Scored although the search had not converged within its budget (cases): {counts}.")
    tested = _tested_methods(cohort)
    notes.append(_test_note(cohort, tested, settings))
    if n < 30:
        caveat = f"Few cases (n = {n}): means and standard errors depend on single cases"
        if tested:
            caveat += ", and t-tests on normality"
            smallest = min(1.0, 2.0 ** (1 - n))
            if smallest >= settings.significance:
                caveat += f"; no Wilcoxon test of {n} pairs can give a p below {smallest:.2g}, so † cannot occur"
        notes.append(caveat + ". Read them as an illustration, not as a ranking.")
    notes.append(
        "The paper’s lines come from its own cases and machine: they show the size of its errors and are not paired "
        "with this run’s."
    )
    return notes


def _tested_methods(cohort: Cohort) -> int:
    """Number of methods that some test was possible for."""
    if cohort.tests.empty:
        return 0
    possible = cohort.tests[["t_p", "wilcoxon_p"]].notna().any(axis=1)
    return int(cohort.tests.loc[possible, "method"].nunique())


def _test_note(cohort: Cohort, tested: int, settings: PublishSettings) -> str:
    """What the marks mean, or why there are none."""
    if cohort.against is None:
        return "No tests: they need the method that the others are tested against, and one more."
    against = method_name(cohort.against, settings.method_names)
    if not tested:
        return (
            f"No tests: each needs {MIN_PAIRS} cases that both {against} and the other method have scores for; no "
            "Wilcoxon test of fewer pairs can reach p < 0.05."
        )
    return (
        f"* paired t-test, † Wilcoxon signed-rank test, each against {against} on the cases "
        f"both have ({MIN_PAIRS} at least), p < {settings.significance:g} after Holm’s correction over {tested} "
        f"{'method' if tested == 1 else 'methods'}. In the paper’s lines * is its own uncorrected paired t-test."
    )


def patient_count(cases: pd.DataFrame) -> str:
    """How many of how many patients a table is about."""
    return f"{int((cases['status'] == 'used').sum())} of {len(cases)} {'patient' if len(cases) == 1 else 'patients'}"


def case_notes(cases: pd.DataFrame) -> list[str]:
    """Every patient that was left out, with the reason."""
    left_out = cases[cases["status"] == "left out"]
    if left_out.empty:
        return []
    reasons = "; ".join(f"{row['case']} ({row['message']})" for _, row in left_out.iterrows())
    return [f"Patients left out: {reasons}."]


def failure_notes(metrics: pd.DataFrame, settings: PublishSettings) -> list[str]:
    """Methods that failed on a patient, with what they said; the first ten, then how many more."""
    failed = metrics[metrics["status"] == "failed"]
    if failed.empty:
        return []
    named = [
        f"{method_name(str(row['method']), settings.method_names)} on {row['case']} ({row['message']})"
        for _, row in failed.head(_FAILURES_NAMED).iterrows()
    ]
    more = len(failed) - len(named)
    return [f"Failed: {'; '.join(named)}{f'; and {more} more' if more else ''}."]


def _integrator_note(cohort: Cohort) -> str:
    """Which forward integrators made the data, where they are simulated, and the final runs."""
    parts = []
    for column, what in (("data_integrator", "simulated data"), ("final_integrator", "final runs")):
        names = cohort.metrics[column].dropna().drop_duplicates() if column in cohort.metrics else []
        if len(names):
            parts.append(f"{what}: {', '.join(str(name) for name in names)}")
        elif column == "final_integrator":
            parts.append(f"{what}: not recorded")
    return f"Forward integrators – {'; '.join(parts)}."


def observation_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """Which methods were given what to fit."""
    if cohort.metrics.empty:
        return []
    table = cohort.metrics[cohort.metrics["observation"].notna()]
    parts = []
    for observation, group in table.groupby("observation", sort=False):
        names = [method_name(str(m), settings.method_names) for m in group["method"].unique()]
        parts.append(f"{_OBSERVED.get(str(observation), str(observation))}: {', '.join(names)}")
    return [f"Observed by the methods – {'; '.join(parts)}."] if parts else []


def choice_notes(cohort: Cohort, settings: PublishSettings) -> list[str]:
    """What each hybrid method chose, and how often that was right."""
    notes = []
    for method in cohort.methods:
        rows = cohort.metrics[cohort.metrics["method"] == method]
        chosen = rows["chosen"].dropna()
        if chosen.empty:
            continue
        counts = ", ".join(f"{kind} {count}" for kind, count in chosen.value_counts().sort_index().items())
        note = (
            f"{method_name(method, settings.method_names)} keeps, of the direct estimate and the gradient search "
            f"started from it, the candidate with the lower surrogate loss on the observation (chosen: {counts})"
        )
        judged = rows["choice_was_better"].dropna()
        if len(judged):
            share = float(judged.astype(float).mean())
            note += (
                f"; in {int(judged.sum())} of {len(judged)} cases ({100 * share:.0f} %) that was also the one with the "
                "lower MSE of the final run"
            )
        notes.append(note + ".")
    return notes
