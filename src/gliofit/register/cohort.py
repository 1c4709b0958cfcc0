"""Selection of the patients of a run, optionally a random sample.

Imports no numerical library, because Snakemake imports it at its start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import survey_patients
from gliofit.register.settings import PatientsSettings


def find_cohort(settings: PatientsSettings, seed: int) -> tuple[list[PatientFiles], dict[str, str]]:
    """Select the patients of a run.

    Parameters
    ----------
    settings
        Source and selection. Cases outside ``include`` are not part of the cohort.
    seed
        The run's seed, for the draw of ``sample``.

    Returns
    -------
    patients : list of PatientFiles
        Selected patients, sorted by case.
    left_out : dict
        Reason by case for the other patients, sorted by case.

    Raises
    ------
    InputError
        If an incomplete case has not been refused by a check, or the source itself cannot be used.
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
    """Draw up to ``count`` cases without replacement: the first by a hash of seed and name.

    The order of two cases is independent of the others, so an additional case replaces at most one.
    """
    return sorted(cases, key=lambda case: hashlib.sha256(f"{seed}:{case}".encode()).hexdigest())[:count]
