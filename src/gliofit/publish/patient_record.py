"""Everything the tables of a run say about one patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_table

__all__ = ["MethodRecord", "PatientRecord", "choose_method", "read_methods", "read_record"]


@dataclass(frozen=True, eq=False)
class MethodRecord:
    """One method on one patient.

    Parameters
    ----------
    method
        Name in the configuration.
    name
        Printed name.
    parameters
        Row of ``parameters.parquet``.
    scores
        Row of the patient's ``metrics.parquet``.
    """

    method: str
    name: str
    parameters: pd.Series
    scores: pd.Series

    @property
    def status(self) -> str:
        """The worse of the estimate's status and the final run's."""
        return str(self.scores["status"])

    @property
    def notes(self) -> list[str]:
        """What the estimate and the final run say of themselves."""
        message = self.scores["message"]
        return [note for note in str(message).split("; ") if note] if pd.notna(message) else []


@dataclass(frozen=True, eq=False)
class PatientRecord:
    """One patient: the checks of the registration and every method, the preferred one first.

    Parameters
    ----------
    case
        Name of the patient.
    checks
        Row of ``qc.parquet``.
    methods
        Methods in the order to show them.
    preferred
        Name of the method to show in three planes; None where every method failed.
    """

    case: str
    checks: pd.Series
    methods: tuple[MethodRecord, ...]
    preferred: str | None


def choose_method(statuses: Mapping[str, str], wanted: str) -> str | None:
    """The wanted method, else the first that ended well, else the first with any result.

    Parameters
    ----------
    statuses
        Status by method, in the order of the run.
    wanted
        ``publish.preferred_method``.
    """
    fitting = [wanted] if statuses.get(wanted, "failed") != "failed" else []
    fitting += [method for method, status in statuses.items() if status == "ok"]
    fitting += [method for method, status in statuses.items() if status != "failed"]
    return fitting[0] if fitting else None


def read_methods(parameters: Mapping[str, Path], metrics: Path, names: Mapping[str, str]) -> list[MethodRecord]:
    """Read what the tables of a case say of each method, in the order of the run.

    Parameters
    ----------
    parameters
        Method to its ``parameters.parquet``.
    metrics
        ``metrics.parquet`` of the case.
    names
        Printed name by method.

    Raises
    ------
    InputError
        If a table is missing, or the metrics lack a method.
    """
    scores = {str(row["method"]): row for _, row in read_table(metrics).iterrows()}
    missing = [method for method in parameters if method not in scores]
    if missing:
        raise InputError(metrics, f"has no row of method '{missing[0]}'", "evaluate the case again")
    return [
        MethodRecord(method, names[method], read_table(path).iloc[0], scores[method])
        for method, path in parameters.items()
    ]


def read_record(
    case: str, checks: Path, parameters: Mapping[str, Path], metrics: Path, names: Mapping[str, str], wanted: str
) -> PatientRecord:
    """Read the tables of a patient; ``parameters``, ``metrics`` and ``names`` as in ``read_methods``.

    Parameters
    ----------
    case
        Name of the patient.
    checks
        ``qc.parquet`` of the registration.
    wanted
        ``publish.preferred_method``.

    Raises
    ------
    InputError
        If a table is missing, or the metrics lack a method.
    """
    methods = read_methods(parameters, metrics, names)
    preferred = choose_method({method.method: method.status for method in methods}, wanted)
    methods.sort(key=lambda record: record.method != preferred)
    return PatientRecord(case, read_table(checks).iloc[0], tuple(methods), preferred)
