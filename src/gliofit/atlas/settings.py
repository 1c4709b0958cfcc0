"""Settings of the atlas stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gliofit.core.settings import Settings

#: Name of the atlas that needs no files: ICBM 152 (2009a, nonlinear, symmetric), shipped with nilearn.
BUILT_IN_ATLAS = "mni152"


class AtlasSettings(Settings):
    """Source of the atlas anatomy."""

    source: str = Field(
        BUILT_IN_ATLAS,
        description="`mni152` (shipped with nilearn, nothing is downloaded), or a folder with tissue maps (wm, gm and "
        "optionally csf) or a label map (0 background, 1 CSF, 2 grey, 3 white matter); registration needs a T1 image.",
    )
    tissue: Literal["auto", "maps", "labels"] = Field(
        "auto",
        description="Tissue of a folder: probability maps, the label map, or the one that exists (`auto`; not allowed "
        "if the folder holds both).",
    )
    skull_strip: bool = Field(
        True, description="Set the T1 image to zero outside the brain mask, as in patients' images."
    )
