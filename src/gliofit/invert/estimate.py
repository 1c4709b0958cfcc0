"""Reading of an inversion's result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_table
from gliofit.growth.model import space_of
from gliofit.growth.theta import Theta

__all__ = ["read_estimate"]


def read_estimate(parameters: Path, prefix: str = "", also: Sequence[str] = ()) -> tuple[pd.Series, Theta | None]:
    """Read the row of a ``parameters.parquet`` and its theta, None without estimate.

    Parameters
    ----------
    parameters
        Parquet with one row.
    prefix
        Prefix of the parameter columns.
    also
        Additional required columns.

    Raises
    ------
    InputError
        If the table lacks columns or does not have exactly one row.
    """
    table = read_table(parameters)
    space = space_of(table.iloc[0] if len(table) else {})
    names = [prefix + name for name in space.columns]
    missing = [name for name in (*names, *also) if name not in table]
    if len(table) != 1 or missing:
        raise InputError(parameters, f"has {len(table)} rows and lacks columns {missing}", "run the inversion again")
    values = table.loc[0, names].to_numpy(dtype=float)
    return table.iloc[0], Theta.from_array(values, space) if np.isfinite(values).all() else None
