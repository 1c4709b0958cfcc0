"""Interface to ANTs.

ANTs uses LPS positions (x to the left, y to the back), gliofit RAS. Origin, spacing and direction of images are
converted here; arrays keep their index order. ANTs is imported inside functions, because ITK reads the number of
threads from the environment when it is loaded.
"""

from __future__ import annotations

import importlib
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
from gliofit.register.quality import RAS_TO_LPS
from gliofit.register.settings import RegisterSettings


@dataclass(frozen=True)
class Transforms:
    """Files of one registration, as written by ANTs.

    ``affine`` (``.mat``) maps patient positions to atlas positions in LPS mm. ``warp`` is the displacement field on the
    patient's grid, applied before the affine to warp the atlas onto the patient.
    """

    affine: Path
    warp: Path | None = None
    inverse_warp: Path | None = None

    @property
    def forward(self) -> list[str]:
        """Transforms of images from atlas to patient, in the order of ANTs."""
        return [str(path) for path in (self.warp, self.affine) if path is not None]

    @property
    def backward(self) -> tuple[list[str], list[bool]]:
        """Transforms of images from patient to atlas, and which of them to invert."""
        if self.inverse_warp is None:
            return [str(self.affine)], [True]
        return [str(self.affine), str(self.inverse_warp)], [True, False]


def load_ants(threads: int) -> ModuleType:
    """Import ANTs with a given number of threads, which is fixed for the process."""
    if "ants" not in sys.modules:
        os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(max(1, threads))
    return importlib.import_module("ants")


def to_ants(volume: Volume) -> Any:
    """Convert a volume to an ANTs image (float32)."""
    import ants

    rotation = RAS_TO_LPS @ volume.grid.affine[:3, :3]
    spacing = np.array(volume.grid.spacing_mm)
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, dtype=np.float32),
        origin=tuple((RAS_TO_LPS @ volume.grid.affine[:3, 3]).tolist()),
        spacing=tuple(spacing.tolist()),
        direction=rotation / spacing,
    )


def register_affine(
    fixed: Volume, moving: Volume, out_prefix: Path, settings: RegisterSettings, seed: int
) -> Transforms:
    """Register rigidly, then affinely, by mutual information without masks."""
    convergence = f"[{_levels(settings.affine_iterations)},1e-6,10]"
    shrink = _levels(settings.affine_shrink)
    # For example 3, 2, 1, 0 voxels of the finest level, from coarse to fine.
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
    """Register by SyN with local cross-correlation inside ``mask``, with an affine initial transform.

    Raises
    ------
    RuntimeError
        If ANTs fails, or displacements are not finite.
    """
    levels = len(settings.deformable_iterations)
    f, m = to_ants(fixed), to_ants(moving)
    # ANTs reads the pointer to a mask as a pointer to bytes for any type of image.
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
    result = _with_warps(Path(f"{out_prefix}0GenericAffine.mat"), out_prefix)
    if not (result.warp and result.warp.is_file()):
        raise RuntimeError("no displacements were written")
    if not np.isfinite(read_displacement(result)[0]).all():
        raise RuntimeError("displacements are not finite")
    return result


def without_deformation(fixed: Volume, affine: Transforms, out_prefix: Path) -> Transforms:
    """Write displacements of zero to the files of a deformable step, and return them with the affine."""
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
    """Return transforms with the names of ANTs' displacement fields."""
    return Transforms(affine, Path(f"{out_prefix}1Warp.nii.gz"), Path(f"{out_prefix}1InverseWarp.nii.gz"))


def apply_transforms(volume: Volume, onto: Grid, transforms: Transforms, *, inverse: bool = False) -> Volume:
    """Warp an atlas volume onto a patient grid by linear interpolation, or with ``inverse`` the other way."""
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
    """Map (n, 3) RAS positions in mm from the patient to the atlas, or from the atlas to the patient.

    The transforms that warp atlas images onto the patient map patient points to the atlas.
    """
    import ants
    import pandas as pd

    points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64)) @ RAS_TO_LPS
    names, invert = transforms.backward if to_patient else (transforms.forward, [False] * len(transforms.forward))
    table = pd.DataFrame(points, columns=["x", "y", "z"])
    mapped = ants.apply_transforms_to_points(3, table, names, whichtoinvert=list(invert))
    positions: NDArray[np.float64] = np.asarray(mapped[["x", "y", "z"]], dtype=np.float64) @ RAS_TO_LPS
    return positions


def read_displacement(transforms: Transforms) -> tuple[NDArray[np.float32], Grid]:
    """Return the displacements of the warp in LPS mm, shape (*grid.shape, 3), and their grid."""
    import ants

    image = ants.image_read(str(transforms.warp))
    affine = np.eye(4)
    affine[:3, :3] = RAS_TO_LPS @ (np.asarray(image.direction) * np.asarray(image.spacing))
    affine[:3, 3] = RAS_TO_LPS @ np.asarray(image.origin)
    return image.numpy().astype(np.float32), Grid(image.shape, affine)


def _registration(fixed: Any, moving: Any, arguments: list[Any], mask: str, out_prefix: Path, seed: int) -> None:
    import ants

    # ANTs requires a place for the warped images, which are not used.
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
    """Format ``name[a,b,c]`` for ANTs, with images as pointers."""
    from ants.internal import get_pointer_string

    return f"{name}[{','.join(get_pointer_string(v) if hasattr(v, 'pointer') else str(v) for v in values)}]"


def _levels(values: Sequence[int]) -> str:
    return "x".join(str(value) for value in values)
