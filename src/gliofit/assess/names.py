"""Printed names and colours of surrogates, quantities and groups of anatomies."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from types import MappingProxyType

from gliofit.figures.colours import BLUE, BROWN, GREEN, ORANGE, PURPLE, SKY, VERMILION, VIOLET
from gliofit.growth.model import known_quantities
from gliofit.growth.space import Parameter
from gliofit.report.names import plain_name
from gliofit.report.texts import section

GROUP_NAMES = MappingProxyType({"atlas": "atlas", "warped": "warped atlases", "patients": "patients"})

_PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, VIOLET, BROWN)

#: Known surrogates have fixed colours.
_KNOWN = MappingProxyType({"convnext-unet": 0, "unet": 1, "unet-plus-plus": 2, "vnet": 3, "guided-unet": 4})


def quantity_name(name: str, latex: bool = False) -> str:
    """Return the printed name of a parameter or the loss."""
    quantity = known_quantities().get(name)
    if not isinstance(quantity, Parameter):
        return name
    if quantity.axis is not None:
        return quantity.symbol
    return f"${quantity.latex}$" if latex else quantity.text


def surrogate_name(model: str) -> str:
    """Return the printed name of a surrogate, by default its name with spaces."""
    return str(section("surrogates").get(model) or plain_name(model))


def surrogate_colours(models: Iterable[str]) -> dict[str, str]:
    """Return colours of surrogates: fixed for known ones, by order for others."""
    spare = count(len(_KNOWN))
    return {model: _PALETTE[_KNOWN[model] if model in _KNOWN else next(spare) % len(_PALETTE)] for model in models}
