"""The estimate of one method in words, for someone who plans or measures and does not fit models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.publish.interval_text import interval, interval_kind, number, width_interval
from gliofit.publish.patient_record import MethodRecord

__all__ = ["theta_words"]

#: Ratio of the ends of an interval up to which a quantity is well and roughly determined.
_WELL, _ROUGHLY = 1.2, 2.0
#: How many times slower cells spread in grey matter than in white (the model's D_grey = 0.1 D_white).
_SLOWER_IN_GREY = 10.0


def theta_words(chosen: MethodRecord, others: Sequence[MethodRecord] = ()) -> list[tuple[str, str]]:
    """Terms with sentences: infiltration length, growth, how sure, what is not determined; none without an estimate.

    The infiltration length is sqrt(D/rho), over which the leading edge of a front that moves at the speed
    2 sqrt(D rho) of the Fisher-Kolmogorov equation falls by a factor of e.

    Parameters
    ----------
    chosen
        The method that the page shows first.
    others
        Methods to compare its infiltration length with.

    Source: Swanson, Alvord and Murray, Cell Proliferation 33 (2000), for the speed and D/rho; Unkelbach et al.,
    Phys Med Biol 59 (2014), who call sqrt(D/rho) the infiltration length.
    """
    row = chosen.parameters
    if not np.isfinite([float(row[name]) for name in SPACE.columns]).all():
        return []
    mu_d, mu_rho = float(row["mu_d_mm"]), float(row["mu_rho"])
    length = mu_d / mu_rho
    ends = width_interval(row)
    words = [
        (
            f"Infiltration length λ = sqrt(D/ρ) = μ_D/μ_ρ: {_written(length, ends)} mm",
            "Ahead of the visible tumour the concentration in white matter falls by about a factor of e (to 37 %) over "
            f"every λ, tenfold over {np.log(10) * length:.1f} mm; in grey matter, where cells spread "
            f"{_SLOWER_IN_GREY:g} times more slowly, over lengths {np.sqrt(_SLOWER_IN_GREY):.1f} times shorter. This "
            "is the length that papers on radiotherapy planning call infiltration length; μ_D in the table is another."
            + _compared(others),
        ),
        (
            f"Growth ρT = μ_ρ²: {mu_rho**2:.3g}",
            f"Where nothing is in their way, cells multiply e-fold {mu_rho**2:.3g} times during the age T of the "
            f"tumour ({mu_rho**2 / np.log(2):.3g} doublings). The border moves through white matter by about "
            f"2 μ_D μ_ρ = {2 * mu_d * mu_rho:.0f} mm in that time, which brain surface, ventricles and grey matter "
            "shorten. Neither is a speed: T is unknown.",
        ),
        ("How sure", _how_sure(chosen)),
    ]
    undetermined = [note for note in chosen.notes if "not identifiable" in note or "is at its bound" in note]
    said = f"By its own account, {chosen.name} also leaves open: {'; '.join(undetermined)}. " if undetermined else ""
    words.append(
        (
            "What one time point cannot determine",
            f"{said}The diffusivity D (mm² per day), the proliferation rate ρ (per day), the age T (days) and the "
            "speed of growth (mm per year): an old slow tumour and a young fast one look the same.",
        )
    )
    return words


def _written(value: float, ends: tuple[float, float] | None) -> str:
    text, below = number(value, ends)
    return f"{text} {below}".strip()


def _how_sure(method: MethodRecord) -> str:
    """Ratios of the ends of the intervals, and what they do not hold."""
    row = method.parameters
    suffix = interval_kind(row)
    if suffix == "none":
        return f"{method.name} gives no intervals, so that nothing here says how far off these numbers may be."
    parts = []
    known = (
        ("λ", width_interval(row)),
        ("μ_D", interval(row, "mu_d_mm", suffix)),
        ("μ_ρ", interval(row, "mu_rho", suffix)),
    )
    for name, ends in known:
        if ends is None or not np.isfinite(ends).all() or ends[0] <= 0:
            parts.append(f"{name} has no closed interval")
        else:
            ratio = ends[1] / ends[0]
            verdict = "well" if ratio <= _WELL else "roughly" if ratio <= _ROUGHLY else "poorly"
            factor = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
            parts.append(f"{name} {verdict} determined (the ends differ by a factor of {factor})")
    return (
        f"{INTERVAL_LEVEL:.0%} intervals: {'; '.join(parts)}. Up to a factor of {_WELL:g} counts as well, up to "
        f"{_ROUGHLY:g} as roughly determined. The intervals take the model, the registration and the segmentation for "
        "right; other methods' values show more of what is not known."
    )


def _compared(others: Sequence[MethodRecord]) -> str:
    """Range of the infiltration length over other methods; nothing where there are not two of them."""
    lengths = [float(other.parameters["mu_d_mm"]) / float(other.parameters["mu_rho"]) for other in others]
    lengths = [length for length in lengths if np.isfinite(length)]
    if len(lengths) < 2:
        return ""
    return f" The {len(lengths)} other methods that saw the same found {min(lengths):.1f} to {max(lengths):.1f} mm."
