"""Published numbers of the paper, read from ``values.yaml``.

Weidner et al., "Brain Tumor Growth Inversion via Differentiable Neural Surrogates", MIDL 2026. The file has the printed
values; they are converted to the units of gliofit's metrics here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gliofit.core.yaml_file import read_yaml

_CONTENT = read_yaml(Path(__file__).with_name("values.yaml"))

#: Size of the paper's image volumes in mm.
EXTENT_MM: tuple[float, float, float] = tuple(_CONTENT["extent_mm"])

#: Mean growth parameters of the paper's training set, by column of results.
MEAN_THETA: Mapping[str, float] = MappingProxyType(_CONTENT["mean_theta"])

#: Test MSE of the paper's surrogate, trained on its full training set.
TEST_MSE: float = _CONTENT["test_mse"]


@dataclass(frozen=True)
class PaperValue:
    """One number of a table, as printed; NaN where the table has none.

    ``starred`` is true if the table marks the number as significantly different (paired t-test).
    """

    mean: float
    standard_error: float = math.nan
    median: float = math.nan
    starred: bool = False


@dataclass(frozen=True)
class PaperRow:
    """One row of a table: its printed name, the number of cases (0 where not printed), and values by metric."""

    label: str
    n: int
    values: Mapping[str, PaperValue]


@cache
def paper_table(number: int) -> Mapping[str, PaperRow]:
    """Return the rows of table 1 to 5, by method (1 to 3), radius in percent of the range (4) or architecture (5)."""
    content = _CONTENT["tables"][number]
    return MappingProxyType({str(key): _row(row, content["units"]) for key, row in content["rows"].items()})


def _row(row: Mapping[str, Any], units: Mapping[str, float]) -> PaperRow:
    missing = [None] * len(units)
    means, errors, medians = (
        [math.nan if x is None else x * unit for x, unit in zip(row.get(kind, missing), units.values(), strict=True)]
        for kind in ("mean", "error", "median")
    )
    values = {
        metric: PaperValue(mean, error, median, metric in row.get("starred", ()))
        for metric, mean, error, median in zip(units, means, errors, medians, strict=True)
    }
    return PaperRow(row["label"], row.get("n", 0), MappingProxyType(values))
