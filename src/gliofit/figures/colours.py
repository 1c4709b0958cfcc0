"""Colours and colour maps of everything that is drawn.

Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with every common form of colour blindness, and maps whose
lightness changes evenly. Anatomical outlines and targets have one colour each in every picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.labels import TissueLabel

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

__all__ = [
    "BLACK", "BLUE", "BROWN", "CHANGE", "CLINICAL", "CORE", "COVERING", "CSF", "DEVIATION", "GLASS", "GREEN", "GREY",
    "MISSED", "MODEL", "ORANGE", "PERSONALISED", "PURPLE", "SKY", "SPREAD", "TISSUE", "TISSUE_KINDS", "TOO_MUCH",
    "VERMILION", "VIOLET", "WHITE_MATTER", "WHOLE", "YELLOW", "cells_map", "cells_opacity", "deviation_scale",
]  # fmt: skip

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
#: Three more for figures with many methods, dark enough to be told from those above.
BROWN, VIOLET, GREY = "#8C6D00", "#5E3C99", "#7F7F7F"

#: Segmented tumour, its core, and where a model shows tumour.
WHOLE, CORE, MODEL = SKY, "#FFFFFF", YELLOW
#: Few cells around what a model shows as tumour, and a brain that is looked through.
SPREAD, GLASS = VERMILION, "#C9D3DC"
#: Outlines of registered tissue.
WHITE_MATTER, CSF = ORANGE, PURPLE
#: Target volumes.
CLINICAL, PERSONALISED = PURPLE, ORANGE
#: Where a fit has no tumour and the segmentation has, and the other way round.
MISSED, TOO_MUCH = BLUE, VERMILION
#: Names in keys and fills of CSF, grey and white matter.
TISSUE_KINDS = {
    int(TissueLabel.CSF): ("CSF", "#2F6DB5"),
    int(TissueLabel.GREY_MATTER): ("grey", "#7A7A7A"),
    int(TissueLabel.WHITE_MATTER): ("white", "#D5D5D5"),
}
TISSUE = tuple(colour for _, colour in TISSUE_KINDS.values())

#: Maps of standard deviations and sizes of differences, and of changes to both sides of none.
DEVIATION, CHANGE = "viridis", "RdBu_r"

#: Ends of the scale of the standard deviation, whose largest possible value is one half.
_DEVIATIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)

#: Concentration from which on cells cover the image behind them as much as they ever do.
COVERING, _COVER = 0.2, 0.85


def cells_map() -> Colormap:
    """Map of tumour-cell concentration: inferno without its darkest colours, which look like no cells."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["inferno"](np.linspace(0.15, 1, 256)))


def cells_opacity(concentration: NDArray[Any]) -> NDArray[Any]:
    """Opacity of a concentration over an image: none without cells, so that few of them let the anatomy through."""
    return _COVER * np.clip(concentration / COVERING, 0, 1)


def deviation_scale(most: float) -> float:
    """End of the scale for maps of the standard deviation whose largest value is ``most``."""
    return next((end for end in _DEVIATIONS if most <= end), _DEVIATIONS[-1])
