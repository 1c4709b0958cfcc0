"""Estimates of the growth model's parameters as a table of text, with what its columns mean."""

from __future__ import annotations

import math
from typing import Any

from gliofit.core.io import read_table
from gliofit.export.results import CaseResults
from gliofit.invert.uncertainty import INTERVAL_LEVEL

__all__ = ["column_meanings", "parameter_table", "tsv"]

_THETA = {
    "origin_x_mm": ("Origin of the tumour: world x of the image, growing towards the patient's right", "mm"),
    "origin_y_mm": ("Origin of the tumour: world y of the image, growing towards the front", "mm"),
    "origin_z_mm": ("Origin of the tumour: world z of the image, growing towards the top of the head", "mm"),
    "mu_d_mm": ("sqrt(D T): how far cells spread in white matter during the age of the tumour", "mm"),
    "mu_rho": ("sqrt(rho T): growth during the age of the tumour", "1"),
}
_SUFFIXES = {
    "": "",
    "_se": ", standard error",
    "_low": f", lower end of the {INTERVAL_LEVEL:.0%} interval",
    "_high": f", upper end of the {INTERVAL_LEVEL:.0%} interval",
}
_OTHERS = {
    "status": ("How the estimate ended", ""),
    "message": ("What the method says of its estimate", ""),
    "observation": ("What it was fitted to: the segmentation, or the reference method's concentration", ""),
    "threshold_whole": ("Concentration at the border of the whole tumour in the fit", "1"),
    "threshold_core": ("Concentration at the border of the core in the fit", "1"),
    "loss": ("Loss at the estimate; of one method only comparable with itself", ""),
    "evaluations": ("Evaluations of the growth model or its surrogate", ""),
    "wall_seconds": ("Duration", "s"),
}


def column_meanings() -> dict[str, dict[str, str]]:
    """Columns of ``parameter_table`` with description and units, as BIDS describes columns."""
    found = {"method": ("Inversion method", "")}
    for name, (text, unit) in _THETA.items():
        found |= {f"{name}{suffix}": (f"{text}{more}", unit) for suffix, more in _SUFFIXES.items()}
    return {
        name: {"Description": f"{text}."} | ({"Units": unit} if unit else {})
        for name, (text, unit) in (found | _OTHERS).items()
    }


def parameter_table(results: CaseResults) -> str:
    """Estimates of a patient's methods as tab-separated text, a row per method that has a table."""
    columns = list(column_meanings())
    rows = []
    for method in results.estimates:
        path = results.parameters(method)
        if path.is_file():
            row = read_table(path).iloc[0]
            rows.append([row.get(column) for column in columns])
    return tsv(columns, rows)


def tsv(columns: list[str], rows: list[list[Any]]) -> str:
    """A table as text; ``n/a`` where there is no value, as BIDS wants it."""
    lines = [columns, *([_cell(value) for value in row] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text or "n/a"
