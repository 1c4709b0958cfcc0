"""Reading of an inversion's result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_table
from gliofit.growth.model import space_of, theta_in
from gliofit.growth.theta import Theta


def read_estimate(parameters: Path, prefix: str = "", also: Sequence[str] = ()) -> tuple[pd.Series, Theta | None]:
    """Read the row of a ``parameters.parquet`` and its theta, None without estimate.

    ``prefix`` is that of the parameter columns, ``also`` are additional required columns. Raises InputError if the
    table lacks columns or does not have exactly one row.
    """
    table = read_table(parameters)
    space = space_of(table.iloc[0] if len(table) else {})
    names = [prefix + name for name in space.columns]
    missing = [name for name in (*names, *also) if name not in table]
    if len(table) != 1 or missing:
        raise InputError(parameters, f"{len(table)} rows, lacking columns {missing}", "run the inversion again")
    return table.iloc[0], theta_in(table.iloc[0], prefix)
