"""The prepared atlas, which the atlas stage writes and later stages read, and brain masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def brain_from_image(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the brain of a skull-stripped image: the non-zero voxels as one solid part.

    Negative values count, because z-scored images are negative inside the brain, resampled ones at its edge.
    """
    return solid(image != 0)


def solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask with its holes filled; an empty mask stays empty."""
    from scipy.ndimage import binary_fill_holes, find_objects, label

    if not mask.any():
        return np.zeros(mask.shape, bool)
    parts, count = label(mask)
    if count > 1:
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        mask = parts == sizes.argmax()
    box = find_objects(mask.astype(np.uint8))[0]
    out = np.zeros(mask.shape, bool)
    out[box] = binary_fill_holes(mask[box])
    return out
