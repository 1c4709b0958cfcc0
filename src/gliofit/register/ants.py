"""The only module that talks to ANTs.

ANTs describes positions in LPS (x to the left, y to the back) and gliofit in RAS. Images cross the border with their
origin, spacing and direction translated here; arrays keep their index order on both sides. ANTs is imported late,
because ITK reads the number of threads from the environment when it is loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, Volume
from gliofit.register.settings import RegisterSettings

__all__ = [
    "Transforms",
    "apply_to_points",
    "apply_transforms",
    "load_ants",
    "read_displacement",
    "register_affine",
    "register_deformable",
    "without_deformation",
]

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Transforms:
    """Files of one registration, as ANTs writes them.

    Parameters
    ----------
    affine
        Affine matrix (``.mat``); maps patient positions to atlas positions, in LPS mm.
    warp
        Displacement field on the patient side, followed by the affine when the atlas is warped onto the patient.
    inverse_warp
        Its inverse, for the way back.
    """

    affine: Path
    warp: Path | None = None
    inverse_warp: Path | None = None

    @property
    def forward(self) -> list[str]:
        """For images: atlas onto patient, in the order ANTs takes them."""
        return [str(path) for path in (self.warp, self.affine) if path is not None]

    @property
    def backward(self) -> tuple[list[str], list[bool]]:
        """For images: patient onto atlas, and which of the transforms to invert."""
        if self.inverse_warp is None:
            return [str(self.affine)], [True]
        return [str(self.affine), str(self.inverse_warp)], [True, False]


def load_ants(threads: int) -> ModuleType:
    """Import ANTs with a given number of threads (which a process can set only once)."""
    if "ants" not in sys.modules:
        os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(max(1, threads))
    import ants

    return ants


def to_ants(volume: Volume) -> Any:
    """Volume as an ANTs image (float32)."""
    import ants

    rotation = _RAS_TO_LPS @ volume.grid.affine[:3, :3]
    spacing = np.array(volume.grid.spacing_mm)
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, dtype=np.float32),
        origin=tuple((_RAS_TO_LPS @ volume.grid.affine[:3, 3]).tolist()),
        spacing=tuple(spacing.tolist()),
        direction=rotation / spacing,
    )


def register_affine(
    fixed: Volume, moving: Volume, out_prefix: Path, settings: RegisterSettings, seed: int
) -> Transforms:
    """Rigid then affine registration by mutual information, without any mask."""
    convergence = f"[{_levels(settings.affine_iterations)},1e-6,10]"
    shrink = _levels(settings.affine_shrink)
    # Smoothing 3, 2, 1, 0 voxels of the finest level: one per level from coarse to fine.
    sigmas = _levels(list(range(len(settings.affine_shrink)))[::-1]) + "vox"
    f, m = to_ants(fixed), to_ants(moving)
    arguments: list[Any] = ["--initial-moving-transform", _call("", f, m, 1)]
    for step in ("Rigid", "Affine"):
        arguments += ["--transform", f"{step}[0.1]", "--metric", _call("MI", f, m, 1, 32, "Regular", 0.25)]
        arguments += ["--convergence", convergence, "--shrink-factors", shrink, "--smoothing-sigmas", sigmas]
    _registration(f, m, arguments, "[NA,NA]", out_prefix, seed)
    return Transforms(Path(f"{out_prefix}0GenericAffine.mat"))


def register_deformable(
    fixed: Volume,
    moving: Volume,
    mask: Volume,
    affine: Transforms,
    out_prefix: Path,
    settings: RegisterSettings,
    seed: int,
) -> Transforms:
    """SyN from an affine start by local cross-correlation, which looks only where ``mask`` is set.

    Raises
    ------
    RuntimeError
        If ANTs gives up, or the displacements it found are not numbers.
    """
    levels = len(settings.deformable_iterations)
    f, m = to_ants(fixed), to_ants(moving)
    # ANTs takes a pointer to a mask for one to bytes whatever the image's type is, so the type must be bytes.
    fixed_mask = to_ants(mask).clone("unsigned char")
    step = f"SyN[{settings.gradient_step},{settings.update_smoothing},{settings.total_smoothing}]"
    arguments: list[Any] = [
        "--initial-moving-transform", str(affine.affine),
        "--transform", step,
        "--metric", _call("CC", f, m, 1, settings.metric_radius),
        "--convergence", f"[{_levels(settings.deformable_iterations)},1e-6,10]",
        "--shrink-factors", _levels([2**level for level in range(levels)][::-1]),
        "--smoothing-sigmas", _levels(list(range(levels))[::-1]) + "vox",
    ]  # fmt: skip
    _registration(f, m, arguments, _call("", fixed_mask, "NA"), out_prefix, seed)
    found = _with_warps(Path(f"{out_prefix}0GenericAffine.mat"), out_prefix)
    if not (found.warp and found.warp.is_file()):
        raise RuntimeError("no displacements were written")
    if not np.isfinite(read_displacement(found)[0]).all():
        raise RuntimeError("displacements are not finite")
    return found


def without_deformation(fixed: Volume, affine: Transforms, out_prefix: Path) -> Transforms:
    """The affine step with displacements of zero, in the files that a deformable step would have written."""
    import ants

    reference = to_ants(fixed)
    zero = ants.from_numpy(
        np.zeros((*fixed.grid.shape, 3), np.float32),
        origin=reference.origin,
        spacing=reference.spacing,
        direction=reference.direction,
        has_components=True,
    )
    result = _with_warps(affine.affine, out_prefix)
    for path in (result.warp, result.inverse_warp):
        ants.image_write(zero, str(path))
    return result


def _with_warps(affine: Path, out_prefix: Path) -> Transforms:
    """Transforms under the names that ANTs gives to its displacement fields."""
    return Transforms(affine, Path(f"{out_prefix}1Warp.nii.gz"), Path(f"{out_prefix}1InverseWarp.nii.gz"))


def apply_transforms(volume: Volume, onto: Grid, transforms: Transforms, *, inverse: bool = False) -> Volume:
    """Warp an atlas volume onto a patient grid, linearly; with ``inverse`` a patient volume onto an atlas grid."""
    import ants

    names, invert = transforms.backward if inverse else (transforms.forward, None)
    reference = to_ants(Volume(np.zeros(onto.shape, np.float32), onto))
    image = ants.apply_transforms(
        fixed=reference, moving=to_ants(volume), transformlist=names, whichtoinvert=invert, interpolator="linear"
    )
    return Volume(np.ascontiguousarray(image.numpy(), dtype=np.float32), onto)


def apply_to_points(
    points_mm: NDArray[Any], transforms: Transforms, *, to_patient: bool = False
) -> NDArray[np.float64]:
    """Map (n, 3) RAS positions from the patient to the atlas, or from the atlas to the patient.

    Points travel against images: the transforms that pull an atlas image onto the patient push patient points to the
    atlas.
    """
    import ants
    import pandas as pd

    points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64)) @ _RAS_TO_LPS
    names, invert = transforms.backward if to_patient else (transforms.forward, [False] * len(transforms.forward))
    table = pd.DataFrame(points, columns=["x", "y", "z"])
    mapped = ants.apply_transforms_to_points(3, table, names, whichtoinvert=list(invert))
    return np.asarray(mapped[["x", "y", "z"]], dtype=np.float64) @ _RAS_TO_LPS


def read_displacement(transforms: Transforms) -> tuple[NDArray[np.float32], Grid]:
    """Displacements of the warp in LPS mm, shape (*grid, 3), and their grid."""
    import ants

    image = ants.image_read(str(transforms.warp))
    affine = np.eye(4)
    affine[:3, :3] = _RAS_TO_LPS @ (np.asarray(image.direction) * np.asarray(image.spacing))
    affine[:3, 3] = _RAS_TO_LPS @ np.asarray(image.origin)
    return image.numpy().astype(np.float32), Grid(image.shape, affine)


def _registration(fixed: Any, moving: Any, arguments: list[Any], mask: str, out_prefix: Path, seed: int) -> None:
    import ants

    # ANTs writes the warped images into these two; nobody reads them, but it insists on a place for them.
    warped, unwarped = fixed.clone(), moving.clone()
    ants.registration(
        [
            "--dimensionality", "3", "--float", "1", "--random-seed", str(max(1, seed)),
            *arguments,
            "--masks", mask,
            "--collapse-output-transforms", "1", "--write-composite-transform", "0",
            "--output", _call("", str(out_prefix), warped, unwarped),
        ],
        None,
    )  # fmt: skip


def _call(name: str, *values: Any) -> str:
    """``name[a,b,c]`` as ANTs reads it, with images as pointers."""
    from ants.internal import get_pointer_string

    return f"{name}[{','.join(get_pointer_string(v) if hasattr(v, 'pointer') else str(v) for v in values)}]"


def _levels(values: Sequence[int]) -> str:
    return "x".join(str(value) for value in values)
