"""How surrogates, quantities and groups of anatomies are called and drawn."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from gliofit.figures.colours import BLUE, BROWN, GREEN, ORANGE, PURPLE, SKY, VERMILION, VIOLET

__all__ = ["GROUP_NAMES", "QUANTITY_NAMES", "surrogate_colours", "surrogate_name"]

SURROGATE_NAMES = MappingProxyType(
    {
        "convnext-unet": "ConvNeXt U-Net",
        "unet": "U-Net",
        "unet-plus-plus": "U-Net++",
        "vnet": "V-Net",
        "guided-unet": "Guided U-Net",
        "guided-unet-atlas": "Guided, atlas only",
        "front-unet": "Guided by a front",
        "front-unet-atlas": "Guided by a front, atlas only",
    }
)

GROUP_NAMES = MappingProxyType({"atlas": "atlas", "warped": "warped atlases", "patients": "patients"})

QUANTITY_NAMES = MappingProxyType(
    {
        "origin_x": "origin x",
        "origin_y": "origin y",
        "origin_z": "origin z",
        "mu_d": "μ_D",
        "mu_rho": "μ_ρ",
        "loss": "loss",
    }
)

_PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, VIOLET, BROWN)

#: Known surrogates keep their colour whatever they are compared with.
_KNOWN = MappingProxyType({"convnext-unet": 0, "unet": 1, "unet-plus-plus": 2, "vnet": 3, "guided-unet": 4})


def surrogate_name(model: str) -> str:
    """Printed name of a surrogate; one nobody named gets its own, with spaces."""
    if model in SURROGATE_NAMES:
        return SURROGATE_NAMES[model]
    text = model.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def surrogate_colours(models: Iterable[str]) -> dict[str, str]:
    """A colour for each surrogate: fixed for the known ones, by order for the rest."""
    colours, spare = {}, len(_KNOWN)
    for model in models:
        if model in _KNOWN:
            colours[model] = _PALETTE[_KNOWN[model]]
        else:
            colours[model] = _PALETTE[spare % len(_PALETTE)]
            spare += 1
    return colours
