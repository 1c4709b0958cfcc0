"""MRI of a patient other than T1, found by the record of the registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gliofit.core.digests import sha256_of
from gliofit.core.errors import InputError
from gliofit.core.io import read_json
from gliofit.export.results import CaseResults
from gliofit.inputs.bids_dataset import parse_name
from gliofit.register.bids_patients import bids_role
from gliofit.register.naming import match_file

_ROLES = ("t1c", "t2", "flair")


def input_paths(results: CaseResults) -> list[tuple[Path, str | None]]:
    """Return the files that the registration read with their digests (None in older records)."""
    record = results.registered / "t1.nii.gz.json"
    if not record.is_file():
        return []
    # Paths in records are relative to the working directory of the workflow.
    start = results.run.resolve().parents[1]
    items: list[Any] = read_json(record).get("input", [])
    pairs = [(item["path"], item["sha256"]) if isinstance(item, dict) else (item, None) for item in items]
    return [(start / path, digest) for path, digest in pairs]


def other_images(results: CaseResults) -> dict[str, Path]:
    """Find contrast-enhanced T1, T2 and FLAIR of a patient by role, from file names.

    Raises
    ------
    InputError
        If one is missing or has changed since the run.
    """
    found = {}
    for path, digest in input_paths(results):
        match, name = match_file(path), parse_name(path.name)
        role = match[2] if match is not None else name and bids_role(name)
        if role not in _ROLES:
            continue
        if not path.is_file():
            raise InputError(path, "file not found, but was used by the run", "restore it, or omit --images")
        if digest is not None and sha256_of(path) != digest:
            raise InputError(path, "has changed since the run read it", "run again, or omit --images")
        found[role] = path
    return found
