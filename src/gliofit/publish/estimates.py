"""Tables of the estimates of all methods on one case: with their meaning on a patient, with errors beside a truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD
from gliofit.metrics.parameters import RATES
from gliofit.publish.interval_text import interval, interval_kind, number, width_interval
from gliofit.publish.patient_record import MethodRecord
from gliofit.report.numbers import MISSING
from gliofit.report.table import Column, Numbers, Table, column

__all__ = ["column_meanings", "errors_table", "estimates_table"]


def _amount(name: str, label: str, unit: str, text: str) -> Column:
    """Column of a text with an interval below it."""
    return Column(label, (Numbers(name, below=f"{name}.below"),), unit, words=False, help=text)


_METHOD = Column("Method", (Numbers("method", below="method.below"),))
_SEES = column("sees", "Sees", help="What the method was fitted to: the segmentation itself, or the reference, a "
               "concentration that the reference method fitted to the segmentation.")  # fmt: skip
_AMOUNTS = {
    "mu_d": _amount(
        "mu_d", "Spread μ_D", "mm",
        "sqrt(D T) in mm: the distance over which cells spread in white matter during the age of the tumour.",
    ),
    "mu_rho": _amount(
        "mu_rho", "Growth μ_ρ", "",
        "sqrt(ρ T), without a unit: its square says how many times cells multiplied e-fold during that age.",
    ),
    "length": _amount(
        "length", "Infiltration length μ_D/μ_ρ", "mm",
        "λ = sqrt(D/ρ) in mm, over which the concentration falls by a factor of e ahead of the border: long ones mean "
        "many cells beyond what MRI shows.",
    ),
}  # fmt: skip
_DICE = (
    column(
        "dice_whole_033", f"Dice, whole at {WHOLE_THRESHOLD:.2f}", format=".2f",
        help="Overlap of the modelled with the segmented region (1: the same, 0: apart): the concentration cut at "
        f"{WHOLE_THRESHOLD:.2f} with the whole tumour, at {CORE_THRESHOLD:.2f} with the core.",
    ),
    column("dice_core_060", f"Dice, core at {CORE_THRESHOLD:.2f}", format=".2f"),
)  # fmt: skip
_SECONDS = column("wall_seconds", "Seconds", format=".1f", help="Time that the estimate took, without the final run.")
_STATUS = Column(
    "Status", (Numbers("status", below="status.below"),),
    help="ok, not-converged (the search stopped before it settled) or failed, and what the method says of itself.",
)  # fmt: skip

_ESTIMATES = (
    _METHOD, _SEES, *_AMOUNTS.values(),
    _amount(
        "origin", "Origin x, y, z", "mm",
        "Where growth began, in world coordinates of the patient's T1 image (x towards the patient's right, y to the "
        "front, z upwards).",
    ),
    column(
        "distance", "Origin to centre", "mm", format=".1f",
        help="Distance of the origin from the centre of mass of the segmented whole tumour.",
    ),
    column(
        "thresholds", "Visible from c =", words=False,
        help="Concentrations from which on whole tumour and core show in MRI, as the method assumed or fitted them; "
        "only methods that see the segmentation have them.",
    ),
    *_DICE, _SECONDS, _STATUS,
)  # fmt: skip

_ERRORS = (
    _METHOD,
    *(part for name, c in _AMOUNTS.items() for part in (c, column(f"{name}_bias", "error", format="+.1%"))),
    column("origin_error_mm", "Origin off by", "mm", format=".2f"),
    column("mse_volume", "MSE of c", format=".2g"),
    *(column(c.name, c.label.split(",")[0] + f", c ≥ {at:.2f}", format=".3f")
      for c, at in zip(_DICE, (WHOLE_THRESHOLD, CORE_THRESHOLD), strict=True)),
    _SECONDS, _STATUS,
)  # fmt: skip


def estimates_table(methods: Sequence[MethodRecord], centre_mm: NDArray[np.float64]) -> Table:
    """Make the table of a patient's estimates.

    Parameters
    ----------
    methods
        Methods with their tables.
    centre_mm
        Centre of mass of the segmentation in world mm, shape (3,).
    """
    rows = [_record(method) | _origin(method.parameters, centre_mm) for method in methods]
    return Table("Estimates", pd.DataFrame(rows), _ESTIMATES)


def errors_table(methods: Sequence[MethodRecord], truth: Mapping[str, Any]) -> Table:
    """Make the table of estimates on a synthetic case and their errors, the truth in the first row.

    Parameters
    ----------
    methods
        Methods with their tables.
    truth
        True parameters by column of results.
    """
    true = _amounts(truth)
    rows: list[dict[str, Any]] = [
        {"method": "Truth"} | {name: number(value, None)[0] for name, (value, _) in true.items()}
    ]
    for method in methods:
        amounts = _amounts(method.parameters)
        errors = {f"{name}_bias": value / true[name][0] - 1 for name, (value, _) in amounts.items()}
        scores = {name: method.scores[name] for name in ("origin_error_mm", "mse_volume")}
        rows.append(_record(method) | errors | scores)
    return Table("Estimates", pd.DataFrame(rows), _ERRORS)


def column_meanings() -> list[tuple[str, str]]:
    """Columns of ``estimates_table``, each with its meaning in one sentence."""
    return [
        *((c.label.partition(",")[0], c.help) for c in _ESTIMATES if c.help),
        (
            "In brackets",
            f"The {INTERVAL_LEVEL:.0%} interval, where a method gives one: what the data leave open if the model is "
            "right; it says nothing of errors of model, registration or segmentation.",
        ),
    ]


def _record(method: MethodRecord) -> dict[str, Any]:
    """Columns that both tables have."""
    row = method.parameters
    amounts = {name: number(value, ends) for name, (value, ends) in _amounts(row).items() if np.isfinite(value)}
    return {
        "method": method.name,
        "method.below": method.method if method.method != method.name else "",
        "sees": str(row.get("observation")),
        **{name: text for name, (text, _) in amounts.items()},
        **{f"{name}.below": below for name, (_, below) in amounts.items()},
        **{c.name: float(method.scores[c.name]) for c in _DICE},
        "wall_seconds": float(row["wall_seconds"]),
        "status": method.status,
        "status.below": "; ".join(method.notes),
    }


def _amounts(row: Mapping[str, Any]) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """Rates and the front's width, each with its interval."""
    suffix = interval_kind(row)
    known = {name: None if suffix == "none" else interval(row, rate, suffix) for name, rate in RATES.items()}
    values = {name: float(row[rate]) for name, rate in RATES.items()}
    length = values["mu_d"] / values["mu_rho"] if values["mu_rho"] > 0 else float("nan")
    return {name: (values[name], known[name]) for name in RATES} | {"length": (length, width_interval(row))}


def _origin(row: Mapping[str, Any], centre_mm: NDArray[np.float64]) -> dict[str, Any]:
    """Origin with half the widths of its intervals, its distance from the centre, and thresholds."""
    found: dict[str, Any] = {}
    origin, suffix = np.array([float(row[name]) for name in SPACE.columns[:3]]), interval_kind(row)
    if np.isfinite(origin).all():
        widths = [None if suffix == "none" else interval(row, name, suffix) for name in SPACE.columns[:3]]
        halves = ", ".join(MISSING if pair is None else f"{(pair[1] - pair[0]) / 2:.1f}" for pair in widths)
        found["origin"] = ", ".join(f"{value:.1f}".replace("-", "−") for value in origin)
        found["origin.below"] = f"± {halves}" if any(pair is not None for pair in widths) else ""
        found["distance"] = float(np.linalg.norm(origin - centre_mm))
    # Runs of older versions have no thresholds.
    thresholds = [float(row.get(name, np.nan)) for name in ("threshold_whole", "threshold_core")]
    if np.isfinite(thresholds).all():
        found["thresholds"] = ", ".join(f"{value:.2f}" for value in thresholds)
    return found
