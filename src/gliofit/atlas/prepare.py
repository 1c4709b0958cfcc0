"""Preparation of the atlas for the other stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gliofit.atlas.settings import BUILT_IN_ATLAS, AtlasSettings
from gliofit.atlas.sources import atlas_from_folder, mni152
from gliofit.core.errors import InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import write_json, write_volume


def prepare_atlas(settings: AtlasSettings, out_dir: Path, warnings: list[InputWarning] | None = None) -> None:
    """Write ``t1, wm, gm, csf, labels, brain_mask.nii.gz`` and ``atlas.json`` into ``out_dir``.

    An atlas with only tissue gets a ``t1.nii.gz`` of zeros, so that the set of files is fixed, and ``"has_t1": false``
    in ``atlas.json``; it serves synthetic studies, and registration refuses it. Warnings about the images of the source
    are appended to ``warnings`` and written into ``atlas.json``.

    Raises
    ------
    InputError
        If the source is not a usable atlas.
    """
    warnings = [] if warnings is None else warnings
    if settings.source == BUILT_IN_ATLAS:
        atlas = mni152()
    else:
        atlas = atlas_from_folder(Path(settings.source), settings.tissue, settings.skull_strip, warnings=warnings)
    grid = atlas.tissue.grid
    t1 = atlas.t1 if atlas.t1 is not None else Volume(np.zeros(grid.shape, np.float32), grid)
    write_volume(out_dir / "t1.nii.gz", t1)
    write_volume(out_dir / "brain_mask.nii.gz", atlas.brain_mask)
    atlas.tissue.save(out_dir)
    cc = grid.voxel_volume_mm3 / 1000
    tissue = atlas.tissue
    parts = {"brain": atlas.brain_mask.data, "white_matter": tissue.wm, "grey_matter": tissue.gm, "csf": tissue.csf}
    facts = {
        "name": atlas.name, "settings": settings, "has_t1": atlas.t1 is not None, "shape": list(grid.shape),
        "spacing_mm": list(grid.spacing_mm), "orientation": grid.axis_codes,
        "warnings": [str(warning) for warning in warnings],
        "volume_cc": {name: round(float(data.sum()) * cc, 1) for name, data in parts.items()},
    }  # fmt: skip
    write_json(out_dir / "atlas.json", facts)
