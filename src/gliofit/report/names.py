"""How methods are called and drawn in everything that is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gliofit.figures.colours import BLACK, BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, VIOLET
from gliofit.report.texts import section

__all__ = ["METHOD_NAMES", "MethodStyle", "method_name", "method_styles", "plain_name", "quoted_name"]

#: Printed names by method.
METHOD_NAMES: Mapping[str, str] = MappingProxyType(section("methods"))

#: Ends the name of a method that observes the patients' segmentation where one without it observes the reference.
_SEGMENTATION = "-segmentation"

#: Black is left for the oracle.
_PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BROWN, VIOLET, GREY)

#: Lines as (offset, (drawn, left out, ...)) in line widths. What a hybrid keeps is often the gradient search's own
#: estimate: its lines have their gaps where those of the gradient search are drawn, so that both show.
_SOLID = (0.0, ())
_DASHED = (0.0, (4.0, 2.0))
_DOTTED, _DOTTED_BETWEEN = (0.0, (1.0, 2.0)), (1.5, (1.0, 2.0))
_DASH_DOT, _DASH_DOT_BETWEEN = (0.0, (4.0, 2.0, 1.0, 2.0)), (4.5, (4.0, 2.0, 1.0, 2.0))
_DASH_DOTS, _DASH_DOTS_BETWEEN = (0.0, (4.0, 2.0, 1.0, 2.0, 1.0, 2.0)), (4.5, (4.0, 2.0, 1.0, 2.0, 1.0, 2.0))
_UNKNOWN = (0.0, (2.0, 1.0, 2.0, 1.0, 1.0, 1.0))

#: Known methods keep their colour whatever else is in the run.
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
    """Colour and line of a method."""

    colour: str
    line: tuple[float, tuple[float, ...]]


def method_name(method: str, overrides: Mapping[str, str] | None = None) -> str:
    """Printed name of a method.

    ``{method}-segmentation`` is named after the method; one that nobody named gets its own name, with spaces.
    """
    names = {**METHOD_NAMES, **(overrides or {})}
    if method in names:
        return names[method]
    if method.endswith(_SEGMENTATION):
        return f"{method_name(method.removesuffix(_SEGMENTATION), overrides)} (segmentation)"
    return plain_name(method)


def plain_name(name: str) -> str:
    """A name of a configuration with spaces and a capital."""
    text = name.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def quoted_name(method: str, overrides: Mapping[str, str] | None = None) -> str:
    """Printed name of a method for a sentence: in quotes where its comma could be taken for the end of it."""
    name = method_name(method, overrides)
    return f"“{name}”" if "," in name else name


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """A style for each method: fixed for the known ones, by order for the rest.

    ``{method}-segmentation`` has the method's colour and a line of its own.
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
    """The same line at twice the length; a solid one gets short gaps far apart."""
    offset, pattern = line
    return (2 * offset, tuple(2 * x for x in pattern)) if pattern else (0.0, (9.0, 1.5))
