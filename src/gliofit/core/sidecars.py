"""The sidecars of a run: records beside the first output of every job (``gliofit.pipeline.job``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gliofit.core.io import read_json


def sidecars(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the content of every sidecar below ``results/{run}``, in the order of their names.

    Sidecars of older versions, which list paths without digests, are skipped.
    """
    for path in sorted(run.rglob("*.json")):
        # A sidecar is named after its output; a JSON file that is a result is not.
        if not path.with_suffix("").is_file():
            continue
        record = read_json(path)
        if "rule" in record and all(isinstance(item, dict) for item in record["output"]):
            yield record
