"""The prepared atlas, which the atlas stage writes and later stages read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_json, read_volume
from gliofit.core.tissue import Tissue


@dataclass(frozen=True, eq=False)
class Atlas:
    """An anatomy."""

    t1: Volume | None  #: Skull-stripped T1 image (zero outside the brain), or None for an atlas with only tissue.
    tissue: Tissue
    brain_mask: Volume  #: The brain, bool.
    name: str  #: ``mni152`` or the name of the source folder.

    def require_t1(self) -> Volume:
        """Return the T1 image; InputError if the atlas has none."""
        if self.t1 is None:
            problem = "has no T1 image, which registration requires"
            hint = "add t1.nii.gz (same anatomy as the tissue) to the atlas folder, or use the atlas mni152"
            raise InputError(f"atlas '{self.name}'", problem, hint)
        return self.t1


def load_atlas(folder: str | Path) -> Atlas:
    """Read the folder that ``prepare_atlas`` wrote; InputError if it is not a prepared atlas."""
    folder = Path(folder)
    if not (folder / "atlas.json").is_file():
        raise InputError(folder, "does not hold a prepared atlas (no atlas.json)", "run the atlas stage first")
    content = read_json(folder / "atlas.json")
    mask = read_volume(folder / "brain_mask.nii.gz")
    tissue = Tissue.load(folder, "probabilities")
    t1 = read_volume(folder / "t1.nii.gz", np.float32) if content.get("has_t1") else None
    for name, volume in (("brain_mask.nii.gz", mask), ("t1.nii.gz", t1)):
        if volume is not None and not volume.grid.matches(tissue.grid):
            raise InputError(folder / name, "lies on another grid than the tissue", "run the atlas stage again")
    return Atlas(t1, tissue, Volume(mask.data > 0, mask.grid), str(content["name"]))
