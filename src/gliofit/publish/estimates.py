"""Tables of all methods' estimates on one case, with errors if the ground truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.growth.space import Derived, Quantity
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.publish.interval_text import amounts
from gliofit.publish.patient_record import MethodRecord
from gliofit.report.numbers import MISSING
from gliofit.report.table import Column, Table, column
from gliofit.report.texts import columns


def _column(quantity: Quantity) -> Column:
    """Create the column of a quantity with its interval."""
    look: dict[str, Any] = {"words": False, "help": f"{quantity.meaning}."}
    return column(quantity.name, quantity.heading, quantity.unit, below=f"{quantity.name}.below", **look)


def estimates_table(methods: Sequence[MethodRecord], centre_mm: NDArray[np.float64]) -> Table:
    """Create the table of a patient's estimates.

    Parameters
    ----------
    methods
        Methods with their tables.
    centre_mm
        Centre of mass of the segmentation in world mm, shape (3,).
    """
    rows = [_record(method) | _origin(method.parameters, centre_mm) for method in methods]
    quantities = _quantities([method.parameters for method in methods])
    first, rest = ("estimates-method", "estimates-source"), ("estimates-origin", "estimates-end")
    before, after = (tuple(chain.from_iterable(map(columns, names))) for names in (first, rest))
    return Table("Estimates", pd.DataFrame(rows), (*before, *map(_column, quantities), *after))


def errors_table(methods: Sequence[MethodRecord], truth: Mapping[str, Any]) -> Table:
    """Create the table of estimates on a synthetic case with their errors; the first row is the ground truth.

    Parameters
    ----------
    methods
        Methods with their tables.
    truth
        True parameters by column of results.
    """
    true = amounts(truth)
    rows: list[dict[str, Any]] = [{"method": "Truth"} | {name: amount.text[0] for name, amount in true.items()}]
    for method in methods:
        found = amounts(method.parameters)
        known = [name for name, amount in found.items() if name in true and not amount.is_position]
        errors = {f"{name}_bias": found[name].value / true[name].value - 1 for name in known}
        scores = {name: method.scores[name] for name in ("origin_error_mm", "mse_volume")}
        rows.append(_record(method) | errors | scores)
    quantities = _quantities([truth, *(method.parameters for method in methods)])
    pairs = ((_column(q), column(f"{q.name}_bias", "error", format="+.1%")) for q in quantities)
    shown = (*columns("estimates-method"), *chain.from_iterable(pairs), *columns("estimates-errors"))
    return Table("Estimates", pd.DataFrame(rows), (*shown, *columns("estimates-end")))


def column_meanings(table: Table) -> list[tuple[str, str]]:
    """Return the explanation of each column of a table of estimates."""
    level = f"The {INTERVAL_LEVEL:.0%} interval, if the method provides one: the uncertainty if the model is "
    return [
        *((c.label.partition(",")[0], c.help) for c in table.columns if c.help),
        ("In brackets", level + "correct; errors of model, registration or segmentation are not included."),
    ]


def _quantities(rows: Sequence[Mapping[str, Any]]) -> list[Quantity]:
    """Return parameters and derived quantities of all rows, without the origin."""
    found = {name: a.quantity for row in rows for name, a in amounts(row).items() if not a.is_position}
    return sorted(found.values(), key=lambda quantity: isinstance(quantity, Derived))


def _record(method: MethodRecord) -> dict[str, Any]:
    """Return the columns of both tables."""
    row = method.parameters
    texts = {name: a.text for name, a in amounts(row).items() if np.isfinite(a.value) and not a.is_position}
    return {
        "method": method.name,
        "method.below": method.method if method.method != method.name else "",
        "sees": str(row.get("observation")),
        **{name: text for name, (text, _) in texts.items()},
        **{f"{name}.below": below for name, (_, below) in texts.items()},
        **{name: float(method.scores[name]) for name in ("dice_whole_033", "dice_core_060")},
        "wall_seconds": float(row["wall_seconds"]),
        "status": method.status,
        "status.below": "; ".join(method.notes),
    }


def _origin(row: Mapping[str, Any], centre_mm: NDArray[np.float64]) -> dict[str, Any]:
    """Return origin with half widths of its intervals, distance from the centre, and thresholds."""
    found: dict[str, Any] = {}
    place = [amount for amount in amounts(row).values() if amount.is_position]
    origin, widths = np.array([amount.value for amount in place]), [amount.interval for amount in place]
    if np.isfinite(origin).all():
        halves = ", ".join(MISSING if pair is None else f"{(pair[1] - pair[0]) / 2:.1f}" for pair in widths)
        found["origin"] = ", ".join(f"{value:.1f}".replace("-", "−") for value in origin)
        found["origin.below"] = f"± {halves}" if any(pair is not None for pair in widths) else ""
        found["distance"] = float(np.linalg.norm(origin - centre_mm))
    # Older runs have no thresholds.
    thresholds = [float(row.get(name, np.nan)) for name in ("threshold_whole", "threshold_core")]
    if np.isfinite(thresholds).all():
        found["thresholds"] = ", ".join(f"{value:.2f}" for value in thresholds)
    return found
