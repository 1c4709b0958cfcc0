"""Interface of PredictGBM (https://github.com/BrainLesion/PredictGBM) for growth models: input and output folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, scratch_folder, write_volume
from gliofit.core.output import PREDICTGBM_FILES, output_folder
from gliofit.core.progress import OnProgress, no_progress
from gliofit.inputs.images import read_mask, read_segmentation, read_tissue_maps
from gliofit.pipeline.fit import fit_files
from gliofit.plan.distance import distance_mm
from gliofit.plan.target import brain_of_tissue

#: Name of every patient in PredictGBM.
_FOLDER, _CASE = "Patient-00000", "00000"

#: Labels: 1 necrotic, 2 oedema, 3 enhancing.
_LABELS = "brats2023"
_LABELS_HINT = "use PredictGBM's labels: 1 necrotic, 2 oedema, 3 enhancing"

#: Name of the reference grid in messages.
_REFERENCE = "the tissue maps"

#: Upper bound of scores of voxels without tumour cells.
TAIL = 1e-12


def with_tail(concentration: Volume, brain: NDArray[np.bool_]) -> Volume:
    """Convert a concentration to a score that ranks all voxels of the brain.

    PredictGBM selects the highest voxels up to the volume of its standard plan, and ranks zeros by itself. Voxels of
    the brain with at most ``TAIL`` therefore get a score below it that decreases with the distance (mm) to the others;
    the order of higher concentrations is unchanged. Zero outside the brain.
    """
    values = np.where(brain, concentration.data, 0).astype(np.float32)
    high = values > TAIL
    if not high.any():
        raise InputError("concentration", "contains no tumour cells in the brain", "check segmentation and tissue")
    tail = (TAIL / (1 + distance_mm(high, concentration.grid.spacing_mm))).astype(np.float32)
    return Volume(np.where(high, values, np.where(brain, tail, np.float32(0))), concentration.grid)


def run_case(
    in_dir: str | Path,
    out_dir: str | Path,
    *,
    method: str = "gauss-newton",
    seed: int = 0,
    threads: int = 1,
    progress: OnProgress = no_progress,
    warnings: list[InputWarning] | None = None,
) -> dict[str, Any]:
    """Fit the patient in PredictGBM's input folder and write ``00000.nii.gz``: float32 scores on the input's grid.

    Reads ``Patient-00000/00000-{gm,wm,csf,tumorseg}.nii.gz``, and ``00000-brain_mask.nii.gz`` if present. Without a
    brain mask the brain is where tissue is present. Other images (``t1c``, ``flair``, ``pet``, ``adc``) are not used.

    Parameters
    ----------
    in_dir, out_dir
        Input and output folder (``/mlcube_io0`` and ``/mlcube_io1`` in containers).
    method, seed, threads, progress, warnings
        See ``gliofit.pipeline.fit.fit_files``.

    Returns
    -------
    The row of the fit.

    Raises
    ------
    InputError
        If the folder or one of the four files is missing or cannot be used, the grids differ, or the fit fails
        (``fit_files``).
    """
    warnings = [] if warnings is None else warnings
    inside = Path(in_dir) / _FOLDER
    if not inside.is_dir():
        raise InputError(inside, "folder not found", f"use the folder that contains {_FOLDER}, as PredictGBM mounts it")
    wm, gm, csf, segmentation, mask = (
        inside / f"{_CASE}-{name}.nii.gz" for name in ("wm", "gm", "csf", "tumorseg", "brain_mask")
    )
    tissue = read_tissue_maps(wm, gm, csf, warnings=warnings, isotropic=True)
    # Read here only for its hint; the fit reads it again.
    read_segmentation(segmentation, _LABELS, tissue.grid, hint=_LABELS_HINT, warnings=[], reference=_REFERENCE)
    if mask.is_file():
        brain = read_mask(mask, tissue.grid, warnings=warnings, reference=_REFERENCE)
    else:
        brain = brain_of_tissue(tissue)
    with output_folder(Path(out_dir), PREDICTGBM_FILES) as folder, scratch_folder(folder / "fit") as scratch:
        row = fit_files(
            tissue, method=method, out_dir=scratch / _CASE, segmentation=segmentation, label_scheme=_LABELS,
            seed=seed, threads=threads, progress=progress, warnings=warnings,
        )  # fmt: skip
        concentration = read_volume(scratch / _CASE / "concentration.nii.gz", np.float32)
        write_volume(folder / f"{_CASE}.nii.gz", with_tail(concentration, brain.data))
    return row
