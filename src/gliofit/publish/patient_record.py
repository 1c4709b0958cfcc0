"""Results of all methods on one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_table
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name


@dataclass(frozen=True, eq=False)
class CaseSources:
    """Files of one case.

    Parameters
    ----------
    case
        Name of the case.
    case_dir
        Folder with the tissue: ``simulate/synthetic/{case}`` or ``register/patients/{case}``.
    invert_dirs, forward_dirs
        Folders with ``parameters.parquet`` and with ``concentration.nii.gz``, by method.
    metrics
        ``metrics.parquet`` of the case.
    """

    case: str
    case_dir: Path
    invert_dirs: Mapping[str, Path]
    forward_dirs: Mapping[str, Path]
    metrics: Path

    def concentration(self, method: str) -> Path:
        """Return the path of the method's forward simulation."""
        return self.forward_dirs[method] / "concentration.nii.gz"

    def jobs(self, methods: Sequence[MethodRecord]) -> list[tuple[str, Path]]:
        """Return printed name and first output of each method's jobs."""
        return [
            job
            for method in methods
            for job in (
                (f"{method.name}: estimate", self.invert_dirs[method.method] / "parameters.parquet"),
                (f"{method.name}: forward simulation", self.concentration(method.method)),
            )
        ]


@dataclass(frozen=True, eq=False)
class MethodRecord:
    """One method on one case.

    Parameters
    ----------
    method, name
        Name in the configuration, and printed name.
    parameters, scores
        Rows of ``parameters.parquet`` and of the case's ``metrics.parquet``.
    """

    method: str
    name: str
    parameters: pd.Series
    scores: pd.Series

    @property
    def status(self) -> str:
        """Worse status of estimate and forward simulation."""
        return str(self.scores["status"])

    @property
    def notes(self) -> list[str]:
        """Messages of estimate and forward simulation."""
        message = self.scores["message"]
        return [note for note in str(message).split("; ") if note] if pd.notna(message) else []


@dataclass(frozen=True, eq=False)
class PatientRecord:
    """Patient: the row of ``qc.parquet``, all methods, and the one shown first (None if all failed)."""

    case: str
    checks: pd.Series
    methods: tuple[MethodRecord, ...]
    preferred: str | None


def choose_method(statuses: Mapping[str, str], wanted: str) -> str | None:
    """Return the preferred method, else the first successful one, else the first with a result.

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


def read_methods(sources: CaseSources, settings: PublishSettings) -> list[MethodRecord]:
    """Read the results of all methods on a case, in the order of the run.

    Raises
    ------
    InputError
        If a table is missing, or the metrics lack a method.
    """
    scores = {str(row["method"]): row for _, row in read_table(sources.metrics).iterrows()}
    missing = [method for method in sources.invert_dirs if method not in scores]
    if missing:
        raise InputError(sources.metrics, f"has no row of method '{missing[0]}'", "evaluate the case again")
    return [
        MethodRecord(
            method, method_name(method, settings.method_names), read_table(folder / "parameters.parquet").iloc[0],
            scores[method],
        )
        for method, folder in sources.invert_dirs.items()
    ]  # fmt: skip


def read_record(sources: CaseSources, settings: PublishSettings) -> PatientRecord:
    """Read the tables of a patient; raise InputError as ``read_methods``."""
    methods = read_methods(sources, settings)
    preferred = choose_method({method.method: method.status for method in methods}, settings.preferred_method)
    methods.sort(key=lambda record: record.method != preferred)
    checks = read_table(sources.case_dir / "qc.parquet").iloc[0]
    return PatientRecord(sources.case, checks, tuple(methods), preferred)
