"""Warnings about the results of a patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.model import space_of
from gliofit.invert.settings import BoundsSettings
from gliofit.publish.patient_record import MethodRecord, PatientRecord

#: Parts of notes that question a result; other notes state why a search ended.
_DOUBTS = (
    "is at its bound", "brought into the bounds", "not identifiable", "white and grey matter", "core is ", "no core:",
    "no reference concentration",
)  # fmt: skip
#: Distance from a bound that counts as at the bound: fraction of the value, and of the origin's reach.
_NEAR, _NEAR_REACH = 0.01, 0.05


def registration_text(record: PatientRecord) -> str:
    """Describe the quality of the registration, with numbers."""
    checks = record.checks
    verdict = f"Registration: {checks['status']}" + (f" ({checks['message']})" if checks["message"] else "")
    return (
        f"{verdict}. Brain-mask Dice {checks['brain_dice']:.3f}, correlation of T1 outside the tumour "
        f"{checks['correlation']:.2f} ({checks['correlation_affine']:.2f} before the deformation), local volume change "
        f"{checks['jacobian_min']:.2f} to {checks['jacobian_max']:.2f}, {checks['tumour_csf_share']:.1%} of the tumour "
        f"in the atlas' CSF, {checks['tumour_outside_brain_share']:.1%} outside the brain."
    )


def warnings_of(record: PatientRecord, bounds: BoundsSettings, centre_mm: NDArray[np.float64]) -> list[str]:
    """Return the warnings, most severe first.

    They concern registration, methods that failed or did not converge, estimates at a bound, and notes that question a
    result. Equal notes of several methods are merged.

    Parameters
    ----------
    record
        The patient.
    bounds
        Bounds of the search.
    centre_mm
        Centre of mass of the segmentation in world mm, shape (3,), the centre of the bounds.
    """
    found = []
    if record.checks["status"] == "poor":
        found.append("The registration is poor: do not use the results. " + registration_text(record))
    elif record.checks["status"] != "ok":
        found.append("Check the registration before you use the results. " + registration_text(record))
    by_text: dict[str, list[str]] = {}
    for method in record.methods:
        if method.status != "failed" and method.scores["dice_whole_033"] == 0:
            text = " finds no tumour: its concentration is below 0.33 everywhere in the segmentation"
            by_text.setdefault(text, []).append(method.name)
    for status, text in (("failed", "failed"), ("not-converged", "did not converge")):
        for method in record.methods:
            if method.status == status:
                notes = [note for note in method.notes if status == "failed" or not doubts(note)]
                reason = f" ({'; '.join(notes)})" if notes else ""
                by_text.setdefault(f" {text}{reason}", []).append(method.name)
    for method in record.methods:
        edges = _at_edges(method, bounds, centre_mm)
        if edges:
            text = f": estimate at the bounds ({', '.join(edges)}): the optimum may lie outside"
            by_text.setdefault(text, []).append(method.name)
    for method in record.methods:
        for note in method.notes if method.status != "failed" else []:
            if doubts(note):
                by_text.setdefault(f": {note}", []).append(method.name)
    return found + [f"{', '.join(names)}{text}." for text, names in by_text.items()]


def doubts(note: str) -> bool:
    """Whether a note questions the result."""
    return any(part in note for part in _DOUBTS)


def _at_edges(method: MethodRecord, bounds: BoundsSettings, centre_mm: NDArray[np.float64]) -> list[str]:
    """Describe the components of theta at their bounds."""
    space = space_of(method.parameters)
    theta = space.values(method.parameters)
    if not np.isfinite(theta).all():
        return []
    found = []
    for name, offset, reach in zip("xyz", theta[:3] - centre_mm, bounds.origin_reach_mm, strict=True):
        if abs(offset) >= (1 - _NEAR_REACH) * reach:
            found.append(f"origin {name} {offset:+.0f} mm from the tumour's centre".replace("-", "−"))
    ranges = bounds.ranges(space)
    for parameter in space.others:
        name, value, (low, high) = parameter.text, theta[space.index(parameter.column)], ranges[parameter.column]
        if value <= (1 + _NEAR) * low or value >= (1 - _NEAR) * high:
            found.append(f"{name} {value:.3g}")
    return found
