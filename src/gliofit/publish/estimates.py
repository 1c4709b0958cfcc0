"""Estimates of all methods on one case: tables, with errors if the truth is known, and a description in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.growth.model import find_growth_model, space_of, theta_in
from gliofit.growth.space import Derived, Quantity
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.publish.interval_text import amounts, interval_kind
from gliofit.publish.patient_record import MethodRecord
from gliofit.report.numbers import MISSING
from gliofit.report.table import Column, Table, column
from gliofit.report.texts import columns

#: Largest ratio of the ends of an interval of well and roughly determined quantities.
_WELL, _ROUGHLY = 1.2, 2.0


def estimates_table(methods: Sequence[MethodRecord], centre_mm: NDArray[np.float64]) -> Table:
    """Create the table of a patient's estimates; ``centre_mm``, shape (3,), is the centre of the segmentation."""
    rows = [_record(method) | _origin(method.parameters, centre_mm) for method in methods]
    quantities = _quantities([method.parameters for method in methods])
    shown = [*columns("estimates-method"), *columns("estimates-source"), *map(_column, quantities)]
    shown += [*columns("estimates-origin"), *columns("estimates-end")]
    return Table("Estimates", pd.DataFrame(rows), tuple(shown))


def errors_table(methods: Sequence[MethodRecord], truth: Mapping[str, Any]) -> Table:
    """Create the table of estimates on a synthetic case with their errors; the first row is the ground truth."""
    true = amounts(truth)
    rows: list[dict[str, Any]] = [{"method": "Truth"} | {name: amount.text[0] for name, amount in true.items()}]
    for method in methods:
        estimate = amounts(method.parameters)
        known = [name for name, amount in estimate.items() if name in true and not amount.is_position]
        errors = {f"{name}_bias": estimate[name].value / true[name].value - 1 for name in known}
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


def _column(quantity: Quantity) -> Column:
    """Create the column of a quantity with its interval."""
    look: dict[str, Any] = {"words": False, "help": f"{quantity.meaning}."}
    return column(quantity.name, quantity.heading, quantity.unit, below=f"{quantity.name}.below", **look)


def _quantities(rows: Sequence[Mapping[str, Any]]) -> list[Quantity]:
    """Return parameters and derived quantities of all rows, without the origin."""
    quantities = {name: a.quantity for row in rows for name, a in amounts(row).items() if not a.is_position}
    return sorted(quantities.values(), key=lambda quantity: isinstance(quantity, Derived))


def _record(method: MethodRecord) -> dict[str, Any]:
    """Return the columns of both tables."""
    row = method.parameters
    texts = {name: a.text for name, a in amounts(row).items() if np.isfinite(a.value) and not a.is_position}
    return {
        "method": method.name,
        "method.below": method.method if method.method != method.name else "",
        "observation": str(row.get("observation")),
        **{name: text for name, (text, _) in texts.items()},
        **{f"{name}.below": below for name, (_, below) in texts.items()},
        **{name: float(method.scores[name]) for name in ("dice_whole_033", "dice_core_060")},
        "wall_seconds": float(row["wall_seconds"]),
        "status": method.status,
        "status.below": "; ".join(method.notes),
    }


def _origin(row: Mapping[str, Any], centre_mm: NDArray[np.float64]) -> dict[str, Any]:
    """Return origin with half widths of its intervals, distance from the centre, and thresholds."""
    cells: dict[str, Any] = {}
    positions = [amount for amount in amounts(row).values() if amount.is_position]
    origin, intervals = np.array([amount.value for amount in positions]), [amount.interval for amount in positions]
    if np.isfinite(origin).all():
        halves = ", ".join(MISSING if ends is None else f"{(ends[1] - ends[0]) / 2:.1f}" for ends in intervals)
        cells["origin"] = ", ".join(f"{value:.1f}".replace("-", "−") for value in origin)
        cells["origin.below"] = f"± {halves}" if any(intervals) else ""
        cells["distance"] = float(np.linalg.norm(origin - centre_mm))
    # Older runs have no thresholds.
    thresholds = [float(row.get(name, np.nan)) for name in ("threshold_whole", "threshold_core")]
    if np.isfinite(thresholds).all():
        cells["thresholds"] = ", ".join(f"{value:.2f}" for value in thresholds)
    return cells


def describe_estimate(chosen: MethodRecord, others: Sequence[MethodRecord] = ()) -> list[tuple[str, str]]:
    """Describe an estimate in words: growth, uncertainty, and ambiguity.

    Parameters
    ----------
    chosen, others
        Method that the page shows first, and methods to compare its derived quantities with.

    Returns
    -------
    list of (str, str)
        Terms with sentences; empty without an estimate.
    """
    theta = theta_in(chosen.parameters)
    if theta is None:
        return []
    model, estimate = find_growth_model(theta.space.model), amounts(chosen.parameters)
    texts = {quantity.name: " ".join(filter(None, estimate[quantity.name].text)) for quantity in theta.space.derived}
    undetermined = [note for note in chosen.notes if "not identifiable" in note or "is at its bound" in note]
    ambiguity = f"{chosen.name} also reports: {'; '.join(undetermined)}. " if undetermined else ""
    return [
        *model.describe(theta, texts),
        ("Uncertainty", _uncertainty(chosen) + _compare(chosen, others)),
        ("Not determined by one time point", f"{ambiguity}{model.undetermined}"),
    ]


def _uncertainty(method: MethodRecord) -> str:
    """Describe the ratios of the ends of the intervals, and their limitations."""
    if interval_kind(method.parameters) == "none":
        return f"{method.name} provides no intervals: the uncertainty of these numbers is unknown."
    parts = []
    for amount in amounts(method.parameters).values():
        name, ends = amount.quantity.text, amount.interval
        if amount.is_position:
            continue
        if ends is None or not np.isfinite(ends).all() or ends[0] <= 0:
            parts.append(f"{name} has no closed interval")
        else:
            ratio = ends[1] / ends[0]
            verdict = "well" if ratio <= _WELL else "roughly" if ratio <= _ROUGHLY else "poorly"
            factor = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
            parts.append(f"{name} {verdict} determined (the ends differ by a factor of {factor})")
    return (
        f"{INTERVAL_LEVEL:.0%} intervals: {'; '.join(parts)}. Up to a factor of {_WELL:g} counts as well, up to "
        f"{_ROUGHLY:g} as roughly determined. The intervals assume that model, registration and segmentation are "
        "correct; compare with the values of other methods."
    )


def _compare(chosen: MethodRecord, others: Sequence[MethodRecord]) -> str:
    """Describe the ranges of derived quantities over other methods; empty for fewer than two."""
    text = ""
    for quantity in space_of(chosen.parameters).derived:
        estimates = (amounts(other.parameters).get(quantity.name) for other in others)
        values = [estimate.value for estimate in estimates if estimate is not None and np.isfinite(estimate.value)]
        if len(values) > 1:
            text += (
                f" The {len(values)} other methods with the same observation estimated a {quantity.title} of "
                f"{min(values):.1f} to {max(values):.1f} {quantity.unit}."
            )
    return text
