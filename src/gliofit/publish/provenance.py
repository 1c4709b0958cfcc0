"""How a patient's results came about, from the sidecars that every job leaves beside its first output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from gliofit.io import read_json
from gliofit.report.numbers import MISSING
from gliofit.report.table import Cell

__all__ = ["PROVENANCE_HEADINGS", "provenance_rows"]

PROVENANCE_HEADINGS = ("Step", "Seed", "Integrator", "gliofit", "Inputs")


def provenance_rows(first_outputs: Sequence[tuple[str, Path]]) -> list[list[Cell]]:
    """One row per job that left a sidecar.

    Parameters
    ----------
    first_outputs
        Printed name of each job, and its first output; jobs without a sidecar are left out.

    Returns
    -------
    Rows in the order of ``PROVENANCE_HEADINGS``. Inputs are file names without folders; weights, which are all called
    the same, are told by the folder they lie in.
    """
    found = []
    for name, output in first_outputs:
        path = output.with_name(f"{output.name}.json")
        if path.is_file():
            content = read_json(path)
            version = content["versions"].get("gliofit", MISSING)
            inputs = ", ".join(dict.fromkeys(_input_name(file["path"]) for file in content["input"]))
            seed = str(content["seed"])
            found.append([Cell(name), Cell(seed), Cell(_integrator(content), words=True), Cell(version, words=True)])
            found[-1].append(Cell(inputs, words=True))
    return found


def _integrator(content: Mapping[str, Any]) -> str:
    """Name of the forward integrator in a job's settings: its own, or that of the method it ran."""
    settings = content["params"].get("settings", {})
    places = [settings, *settings.get("methods", {}).values()]
    names = [place["integrator"].get("name", MISSING) for place in places if "integrator" in place]
    return names[0] if names else MISSING


def _input_name(path: str) -> str:
    parts = PurePosixPath(path)
    return f"{parts.parent.name}/{parts.name}" if parts.suffix == ".safetensors" else parts.name
