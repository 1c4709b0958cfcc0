"""Estimates of the growth model's parameters as a table of text, with what its columns mean."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.core.io import read_table
from gliofit.core.yaml_file import read_yaml
from gliofit.export.results import CaseResults
from gliofit.growth.model import space_of
from gliofit.invert.uncertainty import INTERVAL_LEVEL

__all__ = ["column_meanings", "parameter_table", "tsv"]

_SUFFIXES = {
    "": "",
    "_se": ", standard error",
    "_low": f", lower end of the {INTERVAL_LEVEL:.0%} interval",
    "_high": f", upper end of the {INTERVAL_LEVEL:.0%} interval",
}
#: Description and unit of the other columns; those of the parameters follow the growth model.
_METHOD, _MODEL, *_OTHERS = read_yaml(Path(__file__).with_name("files.yaml"))["parameters"].items()


def column_meanings(results: CaseResults) -> dict[str, dict[str, str]]:
    """Columns of ``parameter_table`` with description and units, as BIDS describes columns."""
    found = dict([_METHOD, _MODEL])
    parameters = {p.column: p for row in _rows(results).values() for p in space_of(row).parameters}
    for name, parameter in (parameters or {p.column: p for p in space_of({}).parameters}).items():
        found |= {
            f"{name}{suffix}": (f"{parameter.meaning}{more}", parameter.unit or "1")
            for suffix, more in _SUFFIXES.items()
        }
    return {
        name: {"Description": f"{text}."} | ({"Units": unit} if unit else {})
        for name, (text, unit) in (found | dict(_OTHERS)).items()
    }


def parameter_table(results: CaseResults) -> str:
    """Estimates of a patient's methods as tab-separated text, a row per method that has a table."""
    columns = list(column_meanings(results))
    return tsv(columns, [[row.get(column) for column in columns] for row in _rows(results).values()])


def _rows(results: CaseResults) -> dict[str, pd.Series]:
    """Rows of ``parameters.parquet`` by method."""
    paths = {method: results.parameters(method) for method in results.estimates}
    return {method: read_table(path).iloc[0] for method, path in paths.items() if path.is_file()}


def tsv(columns: list[str], rows: list[list[Any]]) -> str:
    """A table as text; ``n/a`` where there is no value, as BIDS wants it."""
    lines = [columns, *([_cell(value) for value in row] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text or "n/a"
