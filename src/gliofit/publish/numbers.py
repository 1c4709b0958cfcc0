"""Numbers as text, in plain Unicode that ``to_latex`` can translate."""

from __future__ import annotations

import math
import re

__all__ = ["format_power", "format_quantity", "read_quantity", "to_latex"]

#: What stands in a cell without a value.
MISSING = "–"

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NORMAL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def format_power(exponent: int) -> str:
    """10 to the given power, as 10⁻³."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def format_quantity(value: float, error: float = math.nan, decimals: int | None = None) -> str:
    """A value with its error, to three digits, or with a fixed number of decimals.

    Values below 0.01 (and from a million on) are written with a power of ten, so that a method that is orders of
    magnitude better than the column's unit does not read as zero.
    """
    if not math.isfinite(value):
        return MISSING
    if decimals is not None:
        return _join(_fixed(value, decimals), _fixed(error, decimals) if math.isfinite(error) else "")
    if value == 0 and not (math.isfinite(error) and error > 0):
        return "0"
    magnitude = _magnitude(value if value != 0 else error)
    if -2 <= magnitude < 6:
        digits = min(4, max(0, 2 - magnitude))
        if math.isfinite(error) and error > 0 and round(error, digits) == 0:
            digits = min(4, -_magnitude(error))
        return _join(_fixed(value, digits), _fixed(error, digits) if math.isfinite(error) else "")
    scale = 10.0**magnitude
    power = f"·{format_power(magnitude)}"
    if not math.isfinite(error):
        return _fixed(value / scale, 2) + power
    return f"({_join(_fixed(value / scale, 2), _fixed(error / scale, 2))}){power}"


def _magnitude(value: float) -> int:
    """Power of ten of the first digit, after rounding to three digits (0.09999 counts as 0.1)."""
    return int(f"{abs(value):.2e}".split("e")[1])


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def _join(value: str, error: str) -> str:
    return f"{value} ± {error}" if error else value


#: A number at the start of a cell, its error, and the power of ten behind both.
_QUANTITY = re.compile(
    r"\(?([−-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[−-]?\d+(?:\.\d+)?)(?: ± [\d.,]+)?\)?(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
)


def read_quantity(text: str) -> float | None:
    """The value that a text from ``format_quantity`` begins with, without its error; None where there is none."""
    match = _QUANTITY.match(text)
    if match is None:
        return None
    value = float(match.group(1).replace(",", "").replace("−", "-"))
    return value * 10.0 ** int(match.group(2).translate(_NORMAL)) if match.group(2) else value


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "_": r"\_",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "−": r"$-$",
    "–": "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "†": r"$^\dagger$",
    "≥": r"$\geq$",
    "²": "$^2$",
    "³": "$^3$",
    "“": "``",
    "”": "''",
    "√": r"$\surd$",
    "<": "$<$",
    ">": "$>$",
    "|": r"$|$",
}


def to_latex(text: str) -> str:
    """Translate our Unicode text into LaTeX, with everything special escaped."""

    def power(match: re.Match[str]) -> str:
        dot = r"\cdot " if match.group(1) else ""
        return f"\x00{dot}10^{{{match.group(2).translate(_NORMAL)}}}\x00"

    parts = re.sub(r"(·?)10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", power, text)
    parts = parts.replace("μ_ρ", "\x00\\mu_\\rho\x00").replace("μ_D", "\x00\\mu_D\x00")
    # Odd pieces are mathematics already.
    pieces = parts.split("\x00")
    for i in range(0, len(pieces), 2):
        pieces[i] = "".join(_LATEX.get(character, character) for character in pieces[i])
    return "".join(f"${piece}$" if i % 2 else piece for i, piece in enumerate(pieces))
