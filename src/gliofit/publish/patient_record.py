"""Files and results of all methods on one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_json, read_table
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING
from gliofit.report.page import Page
from gliofit.report.table import text_table

#: Disclaimer on all pages.
RESEARCH = "Research output, not for clinical decisions."


@dataclass(frozen=True, eq=False)
class CaseSources:
    """Files of one case.

    Parameters
    ----------
    case, case_dir
        Name of the case, and folder with its tissue: ``simulate/synthetic/{case}`` or ``register/patients/{case}``.
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


@dataclass(frozen=True, eq=False)
class PatientSources(CaseSources):
    """Files of one patient.

    Parameters
    ----------
    images
        ``t1c`` and ``flair`` of the patient, if available.
    uncertainties
        Maps of the standard deviation of the concentration, by method.
    plans
        Tables of target volumes, by method; the volumes are in the same folder as ``clinical-{margin}mm.nii.gz`` and
        ``personalised-{margin}mm.nii.gz``.
    truth
        True concentration of a phantom.
    """

    images: Mapping[str, Path] = field(default_factory=dict)
    uncertainties: Mapping[str, Path] = field(default_factory=dict)
    plans: Mapping[str, Path] = field(default_factory=dict)
    truth: Path | None = None


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
        return message_parts(self.scores["message"])


@dataclass(frozen=True, eq=False)
class PatientRecord:
    """Patient: the row of ``qc.parquet``, all methods, and the one shown first (None if all failed)."""

    case: str
    checks: pd.Series
    methods: tuple[MethodRecord, ...]
    preferred: str | None


def message_parts(message: Any) -> list[str]:
    """Split the message of a row of results, which may be missing."""
    return [part for part in str(message).split("; ") if part] if pd.notna(message) else []


def choose_method(statuses: Mapping[str, str], wanted: str) -> str | None:
    """Return the preferred method, else the first successful one, else the first with a result.

    Parameters
    ----------
    statuses
        Status by method, in the order of the run.
    wanted
        ``publish.preferred_method``.
    """
    candidates = [wanted] if statuses.get(wanted, "failed") != "failed" else []
    candidates += [method for method, status in statuses.items() if status == "ok"]
    candidates += [method for method, status in statuses.items() if status != "failed"]
    return candidates[0] if candidates else None


def read_methods(sources: CaseSources, settings: PublishSettings) -> list[MethodRecord]:
    """Read the results of all methods on a case, in the order of the run.

    Raises
    ------
    InputError
        If a table is missing, or the metrics lack a method.
    """
    scores = {str(row["method"]): row for _, row in read_table(sources.metrics).iterrows()}
    records = []
    for method, folder in sources.invert_dirs.items():
        if method not in scores:
            raise InputError(sources.metrics, f"has no row of method '{method}'", "evaluate the case again")
        parameters = read_table(folder / "parameters.parquet").iloc[0]
        records.append(MethodRecord(method, method_name(method, settings.method_names), parameters, scores[method]))
    return records


def read_record(sources: CaseSources, settings: PublishSettings) -> PatientRecord:
    """Read the tables of a patient; raise InputError as ``read_methods``."""
    methods = read_methods(sources, settings)
    preferred = choose_method({method.method: method.status for method in methods}, settings.preferred_method)
    methods.sort(key=lambda record: record.method != preferred)
    checks = read_table(sources.case_dir / "qc.parquet").iloc[0]
    return PatientRecord(sources.case, checks, tuple(methods), preferred)


def add_provenance(page: Page, sources: CaseSources, methods: Sequence[MethodRecord], *first: tuple[str, Path]) -> bool:
    """Add a folded table of the jobs with a sidecar to a page, and return whether there are any.

    Parameters
    ----------
    page, sources, methods
        The page, and the case with its methods.
    *first
        Names and outputs of jobs before those of the methods.
    """
    jobs = [*first]
    for method in methods:
        jobs.append((f"{method.name}: estimate", sources.invert_dirs[method.method] / "parameters.parquet"))
        jobs.append((f"{method.name}: forward simulation", sources.concentration(method.method)))
    rows = []
    for name, output in jobs:
        path = output.with_name(f"{output.name}.json")
        if path.is_file():
            content = read_json(path)
            inputs = ", ".join(dict.fromkeys(_input_name(file["path"]) for file in content["input"]))
            version = content["versions"].get("gliofit", MISSING)
            rows.append([name, str(content["seed"]), _integrator(content), version, inputs])
    if rows:
        table = text_table(("Step", "Seed", "Integrator", "gliofit", "Inputs"), rows, words=5)
        page.table(table, sortable=False, folded=f"{len(rows)} jobs with seeds and inputs")
    return bool(rows)


def _integrator(content: Mapping[str, Any]) -> str:
    """Return the name of the forward integrator in the settings of a job or its method."""
    settings = content["params"].get("settings", {})
    sections = [settings, *settings.get("methods", {}).values()]
    names = [section["integrator"].get("name", MISSING) for section in sections if "integrator" in section]
    return names[0] if names else MISSING


def _input_name(path: str) -> str:
    """Return the file name; weights are named with their folder."""
    parts = PurePosixPath(path)
    return f"{parts.parent.name}/{parts.name}" if parts.suffix == ".safetensors" else parts.name
