"""Estimates of all methods on one patient as a table, and what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD
from gliofit.publish.interval_text import interval, interval_kind, number, width_interval
from gliofit.publish.patient_record import MethodRecord
from gliofit.report.numbers import MISSING
from gliofit.report.table import Cell
from gliofit.theta import THETA_COLUMNS

__all__ = ["THETA_HEADINGS", "theta_meanings", "theta_rows"]

THETA_HEADINGS = (
    "Method",
    "Sees",
    "Spread μ_D (mm)",
    "Growth μ_ρ",
    "Infiltration length μ_D/μ_ρ (mm)",
    "Origin x, y, z (mm)",
    "Origin to centre (mm)",
    "Visible from c =",
    f"Dice, whole at {WHOLE_THRESHOLD:.2f}",
    f"Dice, core at {CORE_THRESHOLD:.2f}",
    "Seconds",
    "Status",
)


def theta_rows(methods: Sequence[MethodRecord], centre_mm: NDArray[np.float64]) -> list[list[Cell]]:
    """One row per method, in the order of ``THETA_HEADINGS``.

    Parameters
    ----------
    methods
        Methods with their tables.
    centre_mm
        Centre of mass of the segmentation in world mm, shape (3,).
    """
    return [_row(record, centre_mm) for record in methods]


def theta_meanings() -> list[tuple[str, str]]:
    """Columns of the table, each with what it means in one sentence."""
    return [
        (
            "Sees",
            "What the method was fitted to: the segmentation itself, or the reference, a concentration that the "
            "reference method fitted to the segmentation.",
        ),
        (
            "Spread μ_D",
            "sqrt(D T) in mm: the distance over which cells spread in white matter during the age of the tumour.",
        ),
        (
            "Growth μ_ρ",
            "sqrt(ρ T), without a unit: its square says how many times cells multiplied e-fold during that age.",
        ),
        (
            "Infiltration length μ_D/μ_ρ",
            "λ = sqrt(D/ρ) in mm, over which the concentration falls by a factor of e ahead of the border: long ones "
            "mean many cells beyond what MRI shows.",
        ),
        (
            "Origin",
            "Where growth began, in world coordinates of the patient's T1 image (x towards the patient's right, "
            "y to the front, z upwards).",
        ),
        ("Origin to centre", "Distance of the origin from the centre of mass of the segmented whole tumour."),
        (
            "Visible from c =",
            "Concentrations from which on whole tumour and core show in MRI, as the method assumed or fitted them; "
            "only methods that see the segmentation have them.",
        ),
        (
            "Dice",
            f"Overlap of the modelled with the segmented region (1: the same, 0: apart): the concentration cut at "
            f"{WHOLE_THRESHOLD:.2f} with the whole tumour, at {CORE_THRESHOLD:.2f} with the core.",
        ),
        ("Seconds", "Time that the estimate took, without the final run."),
        (
            "Status",
            "ok, not-converged (the search stopped before it settled) or failed, and what the method says of itself.",
        ),
        (
            "In brackets",
            f"The {INTERVAL_LEVEL:.0%} interval, where a method gives one: what the data leave open if the model is "
            "right; it says nothing of errors of model, registration or segmentation.",
        ),
    ]


def _row(record: MethodRecord, centre_mm: NDArray[np.float64]) -> list[Cell]:
    row, scores = record.parameters, record.scores
    known = np.isfinite([float(row[name]) for name in THETA_COLUMNS]).all()
    return [
        Cell(record.name, record.method if record.method != record.name else ""),
        Cell(str(row["observation"]), words=True),
        *(_theta_cells(row, centre_mm) if known else [Cell(MISSING)] * 5),
        Cell(_thresholds(row)),
        Cell(_fixed(scores["dice_whole_033"], 2)),
        Cell(_fixed(scores["dice_core_060"], 2)),
        Cell(_fixed(row["wall_seconds"], 1)),
        Cell(record.status, "; ".join(record.notes), words=True),
    ]


def _theta_cells(row: Mapping[str, Any], centre_mm: NDArray[np.float64]) -> list[Cell]:
    """Cells of mu_D, mu_rho, the front's width, the origin and its distance."""
    suffix = interval_kind(row)

    def ends(name: str) -> tuple[float, float] | None:
        return None if suffix == "none" else interval(row, name, suffix)

    mu_d, mu_rho = float(row["mu_d_mm"]), float(row["mu_rho"])
    amounts = [
        number(mu_d, ends("mu_d_mm")),
        number(mu_rho, ends("mu_rho"), 3),
        number(mu_d / mu_rho, width_interval(row)),
    ]
    origin = np.array([float(row[name]) for name in THETA_COLUMNS[:3]])
    widths = [ends(name) for name in THETA_COLUMNS[:3]]
    halves = ", ".join(MISSING if pair is None else f"{(pair[1] - pair[0]) / 2:.1f}" for pair in widths)
    return [
        *(Cell(text.replace("-", "−"), below) for text, below in amounts),
        Cell(
            ", ".join(f"{value:.1f}".replace("-", "−") for value in origin),
            f"± {halves}" if any(pair is not None for pair in widths) else "",
        ),
        Cell(f"{np.linalg.norm(origin - centre_mm):.1f}"),
    ]


def _thresholds(row: Mapping[str, Any]) -> str:
    """Both thresholds, where the method has any; runs of older versions have no such columns."""
    values = [row.get(name) for name in ("threshold_whole", "threshold_core")]
    if not all(value is not None and np.isfinite(value) for value in values):
        return MISSING
    return ", ".join(f"{value:.2f}" for value in values)


def _fixed(value: Any, decimals: int) -> str:
    return f"{float(value):.{decimals}f}" if np.isfinite(float(value)) else MISSING
