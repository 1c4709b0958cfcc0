"""Settings of the atlas stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gliofit.core.settings import Settings

__all__ = ["BUILT_IN_ATLAS", "AtlasSettings"]

#: Name of the atlas that needs no files: ICBM 152 (2009a, nonlinear, symmetric) as nilearn ships it.
BUILT_IN_ATLAS = "mni152"


class AtlasSettings(Settings):
    """Which atlas anatomy to use."""

    source: str = Field(
        BUILT_IN_ATLAS,
        description="`mni152` (shipped with nilearn, nothing is downloaded) or a folder with tissue maps "
        "(wm, gm and optionally csf) or a label map (0 background, 1 CSF, 2 grey, 3 white matter), "
        "and a T1 image if patients are to be registered.",
    )
    tissue: Literal["auto", "maps", "labels"] = Field(
        "auto",
        description="Where a folder's tissue comes from: probability maps, the label map, or whichever of the two is "
        "there (`auto`; a folder that holds both must say which).",
    )
    skull_strip: bool = Field(
        True, description="Set the T1 image to zero outside the brain mask, as patients' images are."
    )
