"""How methods are called and drawn in everything that is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["METHOD_NAMES", "MethodStyle", "method_name", "method_styles"]

METHOD_NAMES = MappingProxyType(
    {
        "cmaes-solver": "CMA-ES on solver",
        "cmaes-surrogate": "CMA-ES on surrogate",
        "direct": "Direct inverse",
        "gradient-surrogate": "Gradient on surrogate",
        "gradient-surrogate-com": "Gradient on surrogate (COM)",
        "hybrid": "Hybrid",
        "hybrid-com": "Hybrid (COM)",
        "gauss-newton": "Gauss-Newton on solver",
        "gauss-newton-segmentation": "Gauss-Newton on solver (segmentation)",
        "hybrid-refined": "Hybrid, then Gauss-Newton",
        "gliodil": "GliODIL",
        "lmi": "LMI",
        "static-field": "Static field",
        "oracle": "Oracle (true parameters)",
    }
)

#: Okabe and Ito's palette, told apart with every common form of colour blindness; black is left for the oracle.
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C6D00", "#5E3C99")

#: Known methods keep their colour whatever else is in the run.
_KNOWN = MappingProxyType(
    {
        "cmaes-solver": (0, "-"),
        "cmaes-surrogate": (5, "-"),
        "direct": (1, "-"),
        "gradient-surrogate": (2, "-"),
        "gradient-surrogate-com": (2, ":"),
        "hybrid": (3, "--"),
        "hybrid-com": (3, ":"),
        "gauss-newton": (7, "-"),
        "gauss-newton-segmentation": (7, ":"),
        "hybrid-refined": (7, "--"),
        "gliodil": (4, "-"),
        "lmi": (6, "-"),
        "static-field": (4, ":"),
    }
)


@dataclass(frozen=True)
class MethodStyle:
    """Colour and line of a method."""

    colour: str
    line: str


def method_name(method: str, overrides: Mapping[str, str] | None = None) -> str:
    """Printed name of a method; a method nobody named gets its own, with spaces."""
    names = {**METHOD_NAMES, **(overrides or {})}
    if method in names:
        return names[method]
    text = method.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """A style for each method: fixed for the known ones, by order for the rest."""
    styles, spare = {}, 0
    for method in methods:
        if method == "oracle":
            styles[method] = MethodStyle("#000000", "-")
        elif method in _KNOWN:
            colour, line = _KNOWN[method]
            styles[method] = MethodStyle(_PALETTE[colour], line)
        else:
            styles[method] = MethodStyle(_PALETTE[(7 - spare) % len(_PALETTE)], "-.")
            spare += 1
    return styles
