"""Description of an estimate in words, for readers who do not fit models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gliofit.growth.model import find_growth_model, space_of, theta_in
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.publish.interval_text import amounts, interval_kind
from gliofit.publish.patient_record import MethodRecord

#: Largest ratio of the ends of an interval of well and roughly determined quantities.
_WELL, _ROUGHLY = 1.2, 2.0


def theta_words(chosen: MethodRecord, others: Sequence[MethodRecord] = ()) -> list[tuple[str, str]]:
    """Describe an estimate in words: growth, uncertainty, and ambiguity.

    Parameters
    ----------
    chosen
        Method that the page shows first.
    others
        Methods to compare its derived quantities with.

    Returns
    -------
    list of (str, str)
        Terms with sentences; empty without an estimate.
    """
    theta = theta_in(chosen.parameters)
    if theta is None:
        return []
    model, found = find_growth_model(theta.space.model), amounts(chosen.parameters)
    written = {quantity.name: " ".join(filter(None, found[quantity.name].text)) for quantity in theta.space.derived}
    undetermined = [note for note in chosen.notes if "not identifiable" in note or "is at its bound" in note]
    ambiguity = f"{chosen.name} also reports: {'; '.join(undetermined)}. " if undetermined else ""
    return [
        *model.describe(theta, written),
        ("Uncertainty", _uncertainty(chosen) + _compared(chosen, others)),
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
        f"{_ROUGHLY:g} as roughly determined. The intervals assume that model, registration and "
        "segmentation are correct; compare with the values of other methods."
    )


def _compared(chosen: MethodRecord, others: Sequence[MethodRecord]) -> str:
    """Describe the ranges of derived quantities over other methods; empty for fewer than two."""
    text = ""
    for quantity in space_of(chosen.parameters).derived:
        found = (amounts(other.parameters).get(quantity.name) for other in others)
        values = [amount.value for amount in found if amount is not None and np.isfinite(amount.value)]
        if len(values) > 1:
            text += (
                f" The {len(values)} other methods with the same observation estimated a {quantity.title} of "
                f"{min(values):.1f} to {max(values):.1f} {quantity.unit}."
            )
    return text
