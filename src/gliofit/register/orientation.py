"""Check of the orientation in a header by the overlap of the brain's outline with the atlas' in 24 poses.

A pose is a permutation of the axes with flips. Left-right flips are excluded, because neither the outline of a brain
nor its intensities show them. Both outlines are centred and scaled to one volume; the atlas is also rotated in pitch,
in which heads vary most.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import RegistrationError
from gliofit.core.grid import Grid, Volume

_SPACING_MM = 4.0
_SIZE = 56
#: Brains are scaled to this volume, so that only the shape is compared.
_VOLUME_MM3 = 1.4e6
_PITCHES_DEGREES = (-24, -16, -8, 0, 8, 16, 24)
_AXES = ("left-right", "back-front", "foot-head")


@dataclass(frozen=True)
class Orientation:
    """Dice overlap of the outlines of brain and atlas, in the orientation of the header and in the best pose.

    ``best_axes`` is the axis of the brain (right, anterior, superior as read) on each axis of the atlas in the best
    pose, ``best_flips`` are the flipped axes of the atlas.
    """

    dice_as_read: float
    dice_best: float
    best_axes: tuple[int, ...]
    best_flips: tuple[bool, ...]

    def describe(self) -> str:
        """Describe the best pose in words."""
        if self.best_axes != (0, 1, 2):
            swapped = [
                f"its {_AXES[source]} axis is {_AXES[target]}"
                for target, source in enumerate(self.best_axes)
                if source != target
            ]
            return "with axes exchanged (" + ", ".join(swapped) + ")"
        names = [("left to right", "back to front", "upside down")[axis] for axis in (1, 2) if self.best_flips[axis]]
        return " and ".join(names) if names else "as read"


def check_orientation(subject: str, brain: Volume, atlas_brain: Volume, margin: float, minimum: float) -> Orientation:
    """Compare the outlines of brain and atlas.

    Raises
    ------
    RegistrationError
        If the Dice overlap of another pose is larger by ``margin``, or that of the header is below ``minimum``.
    """
    pose = compare_orientation(brain, atlas_brain)
    if pose.dice_best >= minimum and pose.dice_best - pose.dice_as_read > margin:
        raise RegistrationError(
            subject,
            f"the header does not describe the image, in which the brain is {pose.describe()} (brain-mask Dice with "
            f"the atlas {pose.dice_as_read:.2f} as read, {pose.dice_best:.2f} turned)",
            "write the correct affine into the headers of all files of the case, or exclude the case",
        )
    if pose.dice_as_read < minimum:
        raise RegistrationError(
            subject,
            f"the non-zero part does not have the shape of a brain (brain-mask Dice with the atlas "
            f"{pose.dice_as_read:.2f} after centring, {minimum:.2f} required)",
            "give a skull-stripped whole-brain image with background zero, or a brain_mask file",
        )
    return pose


def compare_orientation(brain: Volume, atlas_brain: Volume) -> Orientation:
    """Compute the overlap of a brain mask with the atlas' as read and in the best pose."""
    patient = _normalised(brain.canonical())
    grid = atlas_brain.grid
    targets = _atlas_outlines(atlas_brain.data.astype(bool).tobytes(), grid.shape, grid.affine.tobytes())
    sizes = targets.sum(axis=1)
    as_read, best_dice = -1.0, -1.0
    best_axes: tuple[int, ...] = (0, 1, 2)
    best_flips: tuple[bool, ...] = (False, False, False)
    # The first pose is the header's, which is preferred at equal overlap.
    for axes, back, down in product(permutations((0, 1, 2)), (False, True), (False, True)):
        flips = (False, back, down)
        view = patient.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
        flat = view.ravel()
        dice = float((2 * (targets @ flat) / (sizes + flat.sum())).max())
        if axes == (0, 1, 2) and not any(flips):
            as_read = dice
        if dice > best_dice + 1e-9:
            best_dice, best_axes, best_flips = dice, axes, flips
    return Orientation(as_read, best_dice, best_axes, best_flips)


@lru_cache(maxsize=2)
def _atlas_outlines(mask: bytes, shape: tuple[int, int, int], affine: bytes) -> NDArray[np.float32]:
    """Return the atlas' outline at each pitch, shape (pitches, voxels); bytes, because a cache needs hashable keys."""
    grid = Grid(shape, np.frombuffer(affine).reshape(4, 4))
    canonical = Volume(np.frombuffer(mask, bool).reshape(shape), grid).canonical()
    return np.stack([_normalised(canonical, np.deg2rad(pitch)).ravel() for pitch in _PITCHES_DEGREES])


def _normalised(brain: Volume, pitch: float = 0.0) -> NDArray[np.float32]:
    """Return the outline centred, scaled to one volume and rotated in pitch, on the comparison grid."""
    from scipy.ndimage import affine_transform, gaussian_filter

    data = brain.data.astype(np.float32)
    spacing = np.array(brain.grid.spacing_mm)
    total = data.sum(dtype=np.float64)
    if not total > 0:
        raise RegistrationError("brain mask", "is empty", "give an image of a brain")
    centre = np.array(
        [data.sum(axis=tuple(b for b in range(3) if b != a)) @ np.arange(data.shape[a]) / total for a in range(3)]
    )
    scale = (total * spacing.prod() / _VOLUME_MM3) ** (1 / 3)
    cos, sin = np.cos(pitch), np.sin(pitch)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    matrix = np.diag(1 / spacing) @ rotation * (_SPACING_MM * scale)
    offset = centre - matrix @ np.full(3, (_SIZE - 1) / 2)
    smooth = gaussian_filter(data, 0.4 * _SPACING_MM / spacing)
    out = np.asarray(affine_transform(smooth, matrix, offset, output_shape=(_SIZE,) * 3, order=1))
    return (out > 0.5).astype(np.float32)
