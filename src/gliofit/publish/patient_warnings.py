"""Warnings about the results of a patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.model import space_of
from gliofit.invert.settings import BoundsSettings
from gliofit.publish.patient_record import MethodRecord, PatientRecord

#: Parts of notes that question a result; other notes state why a search ended.
_QUESTIONING = (
    "is at its bound", "brought into the bounds", "not identifiable", "white and grey matter", "core is ", "no core:",
    "no reference concentration",
)  # fmt: skip
#: Distance from a bound that counts as at the bound: fraction of the value, and of the origin's reach.
_NEAR, _NEAR_REACH = 0.01, 0.05


def questions_result(note: str) -> bool:
    """Return whether a note questions the result."""
    return any(part in note for part in _QUESTIONING)


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


def patient_warnings(record: PatientRecord, bounds: BoundsSettings, centre_mm: NDArray[np.float64]) -> list[str]:
    """Return the warnings, most severe first; equal warnings of several methods are merged.

    Parameters
    ----------
    record
        The patient.
    bounds
        Bounds of the search.
    centre_mm
        Centre of mass of the segmentation in world mm, shape (3,), the centre of the bounds.
    """
    warnings = []
    if record.checks["status"] == "poor":
        warnings.append("The registration is poor: do not use the results. " + registration_text(record))
    elif record.checks["status"] != "ok":
        warnings.append("Check the registration before you use the results. " + registration_text(record))
    names_by_text: dict[str, list[str]] = {}

    def warn(method: MethodRecord, text: str) -> None:
        names_by_text.setdefault(text, []).append(method.name)

    successful = [method for method in record.methods if method.status != "failed"]
    for method in successful:
        if method.scores["dice_whole_033"] == 0:
            warn(method, " finds no tumour: its concentration is below 0.33 everywhere in the segmentation")
    for status, text in (("failed", "failed"), ("not-converged", "did not converge")):
        for method in record.methods:
            if method.status == status:
                notes = [note for note in method.notes if status == "failed" or not questions_result(note)]
                warn(method, f" {text} ({'; '.join(notes)})" if notes else f" {text}")
    for method in record.methods:
        edges = _at_bounds(method, bounds, centre_mm)
        if edges:
            warn(method, f": estimate at the bounds ({', '.join(edges)}): the optimum may lie outside")
    for method in successful:
        for note in filter(questions_result, method.notes):
            warn(method, f": {note}")
    return warnings + [f"{', '.join(names)}{text}." for text, names in names_by_text.items()]


def _at_bounds(method: MethodRecord, bounds: BoundsSettings, centre_mm: NDArray[np.float64]) -> list[str]:
    """Describe the components of theta at their bounds."""
    space = space_of(method.parameters)
    theta = space.values(method.parameters)
    if not np.isfinite(theta).all():
        return []
    texts = []
    for name, offset, reach in zip("xyz", theta[:3] - centre_mm, bounds.origin_reach_mm, strict=True):
        if abs(offset) >= (1 - _NEAR_REACH) * reach:
            texts.append(f"origin {name} {offset:+.0f} mm from the tumour's centre".replace("-", "−"))
    ranges = bounds.ranges(space)
    for parameter in space.others:
        value, (low, high) = theta[space.index(parameter.column)], ranges[parameter.column]
        if value <= (1 + _NEAR) * low or value >= (1 - _NEAR) * high:
            texts.append(f"{parameter.text} {value:.3g}")
    return texts
