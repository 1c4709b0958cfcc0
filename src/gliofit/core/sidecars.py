"""The sidecars of a run: records beside the first output of every job (``gliofit.pipeline.job``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gliofit.core.io import read_json

__all__ = ["sidecars"]


def sidecars(run: Path) -> Iterator[dict[str, Any]]:
    """Content of every sidecar below ``results/{run}``, in the order of their names.

    Those of older versions, which list paths without digests, are left out.
    """
    for path in sorted(run.rglob("*.json")):
        # An output's sidecar has its whole name, a JSON file that is a result itself has not.
        if not path.with_suffix("").is_file():
            continue
        record = read_json(path)
        if "rule" in record and all(isinstance(item, dict) for item in record["output"]):
            yield record
