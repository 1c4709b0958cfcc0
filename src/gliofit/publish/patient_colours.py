"""Colours and scales that the picture and the viewer of a patient share."""

from __future__ import annotations

from gliofit.labels import TissueLabel

__all__ = ["CORE_COLOUR", "TISSUE_COLOURS", "WHOLE_COLOUR", "deviation_scale"]

#: Outlines of the segmentation.
WHOLE_COLOUR, CORE_COLOUR = "#56B4E9", "#FFFFFF"
#: Tissue labels with their colours and printed names.
TISSUE_COLOURS = ((TissueLabel.CSF, "#2f6db5", "CSF"), (TissueLabel.GREY_MATTER, "#7a7a7a", "grey"),
                  (TissueLabel.WHITE_MATTER, "#d5d5d5", "white"))  # fmt: skip
#: Ends of the scale of the standard deviation, whose largest possible value is one half.
_DEVIATIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


def deviation_scale(most: float) -> float:
    """End of the scale for maps of the standard deviation whose largest value is ``most``."""
    return next((end for end in _DEVIATIONS if most <= end), _DEVIATIONS[-1])
