"""The patients of a run: those of a source that can be used, or some of them drawn at random, and why not the others.

Imports nothing heavy, because the workflow asks whenever Snakemake starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import survey_patients
from gliofit.register.settings import PatientsSettings

__all__ = ["draw_cases", "find_cohort"]


def find_cohort(settings: PatientsSettings, seed: int) -> tuple[list[PatientFiles], dict[str, str]]:
    """Patients of a run, and the reason for each that is left out.

    Parameters
    ----------
    settings
        Source, and what of it is wanted. Cases outside ``include`` are no part of the cohort and are not listed.
    seed
        The run's seed, which the draw of ``sample`` depends on.

    Returns
    -------
    Patients sorted by case, and case -> reason, sorted too.

    Raises
    ------
    InputError
        If a case is not complete that no check has refused, or the source itself cannot be used.
    """
    survey = survey_patients(settings)
    if survey.problems:
        raise survey.problems[0].error
    left_out = {row.case: f"refused: {row.message}" for row in survey.refused}
    left_out |= dict.fromkeys(survey.excluded, "excluded in the configuration")
    drawn = {patient.case for patient in survey.patients}
    if settings.sample is not None:
        drawn = set(draw_cases(drawn, settings.sample, seed))
    left_out |= {patient.case: "not drawn" for patient in survey.patients if patient.case not in drawn}
    return [patient for patient in survey.patients if patient.case in drawn], dict(sorted(left_out.items()))


def draw_cases(cases: Iterable[str], count: int, seed: int) -> list[str]:
    """Draw cases without replacement: the first ones by a hash of seed and name; all if there are not as many.

    Each case has its place in the queue by itself, so one that is added drives out one other at most.
    """
    return sorted(cases, key=lambda case: hashlib.sha256(f"{seed}:{case}".encode()).hexdigest())[:count]
