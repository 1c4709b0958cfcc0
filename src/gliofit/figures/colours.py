"""Colours and colour maps of all figures.

The palette of Okabe and Ito (jfly.uni-koeln.de/color), distinct with every common form of colour blindness, and
perceptually uniform colour maps. Anatomical outlines and targets have the same colour in every picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.labels import TissueLabel

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
#: Three darker colours for figures with many methods.
BROWN, VIOLET, GREY = "#8C6D00", "#5E3C99", "#7F7F7F"

#: Segmented tumour, its core, and the tumour of a model.
WHOLE, CORE, MODEL = SKY, "#FFFFFF", YELLOW
#: Low concentrations around the tumour of a model, and a transparent brain.
SPREAD, GLASS = VERMILION, "#C9D3DC"
#: Outlines of registered tissue.
WHITE_MATTER, CSF = ORANGE, PURPLE
#: Target volumes.
CLINICAL, PERSONALISED = PURPLE, ORANGE
#: False negatives and false positives of a fit.
MISSED, TOO_MUCH = BLUE, VERMILION
#: Names and colours of CSF, grey and white matter.
TISSUE_KINDS = {
    int(TissueLabel.CSF): ("CSF", "#2F6DB5"),
    int(TissueLabel.GREY_MATTER): ("grey", "#7A7A7A"),
    int(TissueLabel.WHITE_MATTER): ("white", "#D5D5D5"),
}
TISSUE = tuple(colour for _, colour in TISSUE_KINDS.values())

#: Maps of standard deviations and absolute differences, and of signed changes.
DEVIATION, CHANGE = "viridis", "RdBu_r"

#: Ends of the scale of the standard deviation, which is at most one half.
_DEVIATIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)

#: Concentration at which the largest opacity is reached, and this opacity.
OPAQUE_FROM, _OPACITY = 0.2, 0.85


def cells_map() -> Colormap:
    """Return the colour map of tumour-cell concentration: inferno without its darkest colours."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["inferno"](np.linspace(0.15, 1, 256)))


def cells_opacity(concentration: NDArray[Any]) -> NDArray[Any]:
    """Return the opacity of a concentration over an image, 0 without cells, of the same shape."""
    return np.asarray(_OPACITY * np.clip(concentration / OPAQUE_FROM, 0, 1))


def deviation_scale(most: float) -> float:
    """Return the end of the scale for maps of the standard deviation with the maximum ``most``."""
    return next((end for end in _DEVIATIONS if most <= end), _DEVIATIONS[-1])
