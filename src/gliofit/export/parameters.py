"""Estimates of growth parameters as a text table with descriptions of columns."""

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

_SUFFIXES = {
    "": "",
    "_se": ", standard error",
    "_low": f", lower end of the {INTERVAL_LEVEL:.0%} interval",
    "_high": f", upper end of the {INTERVAL_LEVEL:.0%} interval",
}
#: Description and unit of the other columns; those of the parameters follow the growth model.
_METHOD, _MODEL, *_OTHERS = read_yaml(Path(__file__).with_name("files.yaml"))["parameters"].items()


def column_meanings(results: CaseResults) -> dict[str, dict[str, str]]:
    """Return the columns of ``parameter_table`` with description and units, in the format of BIDS."""
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
    """Return the estimates of a patient as tab-separated text, one row per method."""
    columns = list(column_meanings(results))
    return tsv(columns, [[row.get(column) for column in columns] for row in _rows(results).values()])


def _rows(results: CaseResults) -> dict[str, pd.Series]:
    """Read the rows of ``parameters.parquet`` by method."""
    paths = {method: results.parameters(method) for method in results.estimates}
    return {method: read_table(path).iloc[0] for method, path in paths.items() if path.is_file()}


def tsv(columns: list[str], rows: list[list[Any]]) -> str:
    """Format a table as text; missing values are ``n/a``, as in BIDS."""
    lines = [columns, *([_cell(value) for value in row] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    text = f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())
    return text or "n/a"
