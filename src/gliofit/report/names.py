"""Printed names and styles of methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gliofit.figures.colours import BLACK, BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, VIOLET
from gliofit.report.texts import section

#: Printed names by method.
METHOD_NAMES: Mapping[str, str] = MappingProxyType(section("methods"))

#: Suffix of names of methods that observe the patients' segmentation.
_SEGMENTATION = "-segmentation"

#: Black is reserved for the oracle.
_PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BROWN, VIOLET, GREY)

#: Dashes as (offset, (on, off, ...)) in line widths. The estimates of hybrid methods and gradient search often
#: coincide; the dashes alternate, so that both are visible.
_SOLID = (0.0, ())
_DASHED = (0.0, (4.0, 2.0))
_DOTTED, _DOTTED_BETWEEN = (0.0, (1.0, 2.0)), (1.5, (1.0, 2.0))
_DASH_DOT, _DASH_DOT_BETWEEN = (0.0, (4.0, 2.0, 1.0, 2.0)), (4.5, (4.0, 2.0, 1.0, 2.0))
_DASH_DOTS, _DASH_DOTS_BETWEEN = (0.0, (4.0, 2.0, 1.0, 2.0, 1.0, 2.0)), (4.5, (4.0, 2.0, 1.0, 2.0, 1.0, 2.0))
_UNKNOWN = (0.0, (2.0, 1.0, 2.0, 1.0, 1.0, 1.0))

#: Known methods have fixed colours.
_KNOWN = {
    "cmaes-solver": (0, _SOLID), "cmaes-surrogate": (5, _SOLID), "direct": (1, _SOLID),
    "gradient-surrogate": (2, _SOLID), "gradient-surrogate-com": (2, _DOTTED),
    "gradient-surrogate-com-start": (2, _DASH_DOT), "gradient-surrogate-com-swap": (2, _DASH_DOTS),
    "hybrid": (3, _DASHED), "hybrid-com": (3, _DOTTED_BETWEEN), "hybrid-com-start": (3, _DASH_DOT_BETWEEN),
    "hybrid-com-swap": (3, _DASH_DOTS_BETWEEN), "gauss-newton": (7, _SOLID), "hybrid-refined": (7, _DASHED),
    "gliodil": (4, _SOLID), "lmi": (6, _SOLID), "static-field": (8, _DASHED),
}  # fmt: skip


@dataclass(frozen=True)
class MethodStyle:
    """Colour and line style of a method."""

    colour: str
    line: tuple[float, tuple[float, ...]]


def method_name(method: str, overrides: Mapping[str, str] | None = None) -> str:
    """Return the printed name of a method, by default its name with spaces.

    ``{method}-segmentation`` is named after the method.
    """
    names = {**METHOD_NAMES, **(overrides or {})}
    if method in names:
        return names[method]
    if method.endswith(_SEGMENTATION):
        return f"{method_name(method.removesuffix(_SEGMENTATION), overrides)} (segmentation)"
    return plain_name(method)


def plain_name(name: str) -> str:
    """Return a name of a configuration with spaces and a capital."""
    text = name.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def quoted_name(method: str, overrides: Mapping[str, str] | None = None) -> str:
    """Return the printed name of a method for a list in a sentence, in quotes if it contains a comma."""
    name = method_name(method, overrides)
    return f"“{name}”" if "," in name else name


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """Return the styles of methods: fixed for known ones, by order for others.

    ``{method}-segmentation`` has the colour of the method and another line style.
    """
    styles: dict[str, MethodStyle] = {}
    spare: dict[str, int] = {}
    for method in methods:
        known = method.removesuffix(_SEGMENTATION)
        if known == "oracle":
            style = MethodStyle(BLACK, _SOLID)
        elif known in _KNOWN:
            colour, line = _KNOWN[known]
            style = MethodStyle(_PALETTE[colour], line)
        else:
            place = spare.setdefault(known, len(spare))
            style = MethodStyle(_PALETTE[(7 - place) % len(_PALETTE)], _UNKNOWN)
        styles[method] = style if known == method else replace(style, line=_stretched(style.line))
    return styles


def _stretched(line: tuple[float, tuple[float, ...]]) -> tuple[float, tuple[float, ...]]:
    """Return the dashes at twice the length; solid lines get short gaps."""
    offset, pattern = line
    return (2 * offset, tuple(2 * x for x in pattern)) if pattern else (0.0, (9.0, 1.5))
