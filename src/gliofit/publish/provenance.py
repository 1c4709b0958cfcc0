"""Provenance of a patient's results, from the sidecars of the jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from gliofit.core.io import read_json
from gliofit.report.numbers import MISSING
from gliofit.report.page import Page
from gliofit.report.table import text_table


def add_provenance(page: Page, jobs: Sequence[tuple[str, Path]]) -> bool:
    """Add a folded table with a row per job that has a sidecar.

    Inputs are file names; weights are named with their folder.

    Parameters
    ----------
    page
        The page.
    jobs
        Printed name of each job, and its first output.

    Returns
    -------
    bool
        Whether any job has a sidecar.
    """
    rows = []
    for name, output in jobs:
        path = output.with_name(f"{output.name}.json")
        if path.is_file():
            content = read_json(path)
            version = content["versions"].get("gliofit", MISSING)
            inputs = ", ".join(dict.fromkeys(_input_name(file["path"]) for file in content["input"]))
            rows.append([name, str(content["seed"]), _integrator(content), version, inputs])
    if rows:
        table = text_table(("Step", "Seed", "Integrator", "gliofit", "Inputs"), rows, words=5)
        page.table(table, sortable=False, folded=f"{len(rows)} jobs with seeds and inputs")
    return bool(rows)


def _integrator(content: Mapping[str, Any]) -> str:
    """Return the name of the forward integrator in the settings of a job or its method."""
    settings = content["params"].get("settings", {})
    places = [settings, *settings.get("methods", {}).values()]
    names = [place["integrator"].get("name", MISSING) for place in places if "integrator" in place]
    return names[0] if names else MISSING


def _input_name(path: str) -> str:
    parts = PurePosixPath(path)
    return f"{parts.parent.name}/{parts.name}" if parts.suffix == ".safetensors" else parts.name
