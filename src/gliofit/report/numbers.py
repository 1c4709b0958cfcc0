"""Numbers as text, in Unicode that ``to_latex`` converts."""

from __future__ import annotations

import math
import re
from functools import cache

from gliofit.growth.model import known_quantities
from gliofit.growth.space import Parameter

#: Text of a cell without a value.
MISSING = "–"

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NORMAL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def format_power(exponent: int) -> str:
    """Return a power of ten as text, such as 10⁻³."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def format_quantity(value: float, error: float = math.nan, form: str = "") -> str:
    """Format a value with its error; an error of NaN is omitted, a value of NaN gives ``MISSING``.

    Values below 0.01 (and from a million on) are written with a power of ten, so that small values are not printed as
    zero. ``form`` is a format specification of Python; empty for three digits.
    """
    if not math.isfinite(value):
        return MISSING
    if form:
        return _with_error(value, error, form)
    if value == 0 and not (math.isfinite(error) and error > 0):
        return "0"
    magnitude = _magnitude(value if value != 0 else error)
    scale, power = 1.0, ""
    if -2 <= magnitude < 6:
        digits = min(4, max(0, 2 - magnitude))
        if math.isfinite(error) and error > 0 and round(error, digits) == 0:
            digits = min(4, -_magnitude(error))
    else:
        scale, power, digits = 10.0**magnitude, f"·{format_power(magnitude)}", 2
    text = _with_error(value / scale, error / scale, f",.{digits}f")
    return f"({text}){power}" if power and math.isfinite(error) else text + power


def _magnitude(value: float) -> int:
    """Return the power of ten of the first digit, after rounding to three digits."""
    return int(f"{abs(value):.2e}".split("e")[1])


def _with_error(value: float, error: float, form: str) -> str:
    numbers = [value, error] if math.isfinite(error) else [value]
    return " ± ".join(format(number, form).replace("-", "−") for number in numbers)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "{": r"\{", "}": r"\}", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$",
    "−": r"$-$", "–": "--", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "†": r"$^\dagger$", "≥": r"$\geq$",
    "²": "$^2$", "³": "$^3$", "“": "``", "”": "''", "√": r"$\surd$", "<": "$<$", ">": "$>$", "|": r"$|$",
}  # fmt: skip


@cache
def _symbols() -> dict[str, str]:
    """Return the LaTeX of symbols with an index, by printed text."""
    return {q.text: q.latex for q in known_quantities().values() if isinstance(q, Parameter) and "_" in q.text}


def to_latex(text: str) -> str:
    """Convert Unicode text to LaTeX, with special characters escaped."""

    def power(match: re.Match[str]) -> str:
        dot = r"\cdot " if match.group(1) else ""
        return f"\x00{dot}10^{{{match.group(2).translate(_NORMAL)}}}\x00"

    parts = re.sub(r"(·?)10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", power, text)
    for symbol, latex in _symbols().items():
        parts = parts.replace(symbol, f"\x00{latex}\x00")
    # Odd parts are already mathematics.
    pieces = enumerate(parts.split("\x00"))
    return "".join(f"${piece}$" if i % 2 else "".join(_LATEX.get(c, c) for c in piece) for i, piece in pieces)
