"""Sources of an atlas: the MNI152 brain of nilearn, or a user's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.atlas.model import Atlas, solid
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import TISSUE_THRESHOLD, Tissue
from gliofit.inputs.images import read_image, read_mask, read_tissue_labels, read_tissue_maps

Role = Literal["t1", "wm", "gm", "csf", "labels", "brain_mask"]

#: Words in file names by role; the exact name (``wm.nii.gz``) has priority.
_WORDS: dict[Role, frozenset[str]] = {
    "t1": frozenset({"t1", "t1w", "t1n"}),
    "wm": frozenset({"wm", "white"}),
    "gm": frozenset({"gm", "grey", "gray"}),
    "csf": frozenset({"csf"}),
    "labels": frozenset({"labels", "label", "tissue", "tissues", "dseg"}),
    "brain_mask": frozenset({"mask"}),
}

#: Largest ratio of the non-zero part of a skull-stripped T1 image to the tissue.
_STRIPPED_EXCESS = 1.3


def mni152() -> Atlas:
    """Return ICBM 152 (2009a, nonlinear, symmetric) at 1 mm from the files of nilearn."""
    from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template

    images = [load(resolution=1) for load in (load_mni152_template, load_mni152_wm_template, load_mni152_gm_template)]
    grid = Grid(images[0].shape, images[0].affine)
    t1, wm, gm = (np.asarray(image.dataobj, dtype=np.float32) for image in images)
    # The support of the stripped template; nilearn's brain mask cuts the T1 at 0.2 of its maximum.
    brain = solid(t1 != 0)
    return _assemble("mni152", "built-in atlas mni152", grid, Volume(t1, grid), brain, wm, gm, None, strip=True)


def atlas_from_folder(
    folder: Path, tissue: Literal["auto", "maps", "labels"], skull_strip: bool, *, warnings: list[InputWarning]
) -> Atlas:
    """Read a user's atlas: tissue maps or a label map, and optionally a T1 image.

    Warnings about its images are appended to ``warnings``.

    Raises
    ------
    InputError
        If the folder has no tissue in one of the two forms, files are ambiguous, or grids differ.
    """
    if not folder.is_dir():
        raise InputError(folder, "atlas folder not found", "check atlas.source, or use the built-in atlas mni152")
    files = _roles(folder)
    has_maps, has_labels = {"wm", "gm"} <= set(files), "labels" in files
    if tissue == "auto" and has_maps and has_labels:
        problem = f"holds tissue maps and a label map ({files['labels'].name})"
        raise InputError(folder, problem, "set atlas.tissue to `maps` or `labels`")
    use_maps = has_maps if tissue == "auto" else tissue == "maps"
    if (use_maps and not has_maps) or (not use_maps and not has_labels):
        wanted = {"auto": "wm.nii.gz and gm.nii.gz, or labels.nii.gz", "maps": "wm.nii.gz and gm.nii.gz"}
        raise InputError(folder, "does not hold tissue", f"add {wanted.get(tissue, 'labels.nii.gz')}")
    base = files["wm" if use_maps else "labels"]
    if use_maps:
        maps = read_tissue_maps(base, files["gm"], files.get("csf"), warnings=warnings, isotropic=True)
    else:
        maps = read_tissue_labels(base, warnings=warnings, isotropic=True)
    has_csf = "csf" in files if use_maps else maps.csf.any()
    csf = maps.csf if has_csf else None
    t1 = mask = None
    if "t1" in files:
        t1 = read_image(files["t1"], maps.grid, warnings=warnings, reference=base.name)
    if "brain_mask" in files:
        mask = read_mask(files["brain_mask"], maps.grid, warnings=warnings, reference=base.name)
    brain = _brain(maps.wm, maps.gm, csf, t1) if mask is None else mask.data
    return _assemble(folder.name, str(folder), maps.grid, t1, brain, maps.wm, maps.gm, csf, strip=skull_strip)


def _assemble(
    name: str, subject: str, grid: Grid, t1: Volume | None, brain: NDArray[np.bool_], wm: NDArray[np.float32],
    gm: NDArray[np.float32], csf: NDArray[np.float32] | None, *, strip: bool,
) -> Atlas:  # fmt: skip
    """Restrict the maps to the brain; without a CSF map, CSF is the part that is neither grey nor white matter."""
    wm, gm = np.where(brain, wm, 0), np.where(brain, gm, 0)
    total = np.maximum(wm + gm, 1)
    wm, gm = wm / total, gm / total
    csf = np.where(brain, 1 - wm - gm if csf is None else np.minimum(csf, 1 - wm - gm), 0).clip(0, 1)
    white, grey, fluid = (Volume(data.astype(np.float32), grid) for data in (wm, gm, csf))
    if t1 is not None:
        data = t1.data.astype(np.float32)
        t1 = Volume(np.where(brain, data, 0).astype(np.float32) if strip else data, grid)
    return Atlas(t1, Tissue.from_maps(white, grey, fluid, subject=subject), Volume(brain, grid), name)


def _roles(folder: Path) -> dict[Role, Path]:
    """Assign the files of a folder to roles by their names."""
    names = {path: path.name.removesuffix(".gz").removesuffix(".nii") for path in sorted(folder.glob("[!.]*"))}
    images = {path: name for path, name in names.items() if path.is_file() and path.name.endswith((".nii", ".nii.gz"))}
    files: dict[Role, Path] = {}
    for role, words in _WORDS.items():
        exact = [path for path, name in images.items() if name == role]
        matches = exact or [path for path, name in images.items() if words & set(re.split("[^a-z0-9]+", name.lower()))]
        if len(matches) > 1:
            problem = f"several files could be the {role} image ({', '.join(path.name for path in matches)})"
            raise InputError(folder, problem, f"rename the correct one {role}.nii.gz")
        if matches:
            files[role] = matches[0]
    return files


def _brain(
    wm: NDArray[np.float32], gm: NDArray[np.float32], csf: NDArray[np.float32] | None, t1: Volume | None
) -> NDArray[np.bool_]:
    """Derive the brain from tissue with CSF, else from a skull-stripped T1 or grey and white matter."""
    from scipy.ndimage import binary_closing

    if csf is not None:
        return solid(wm + gm + csf >= 0.5)
    tissue = solid(binary_closing(np.pad((wm + gm) >= TISSUE_THRESHOLD, 4), iterations=4)[4:-4, 4:-4, 4:-4])
    if t1 is not None and 0 < np.count_nonzero(t1.data) <= _STRIPPED_EXCESS * np.count_nonzero(tissue):
        return solid(t1.data != 0) | tissue
    return tissue
