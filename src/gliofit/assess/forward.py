"""Errors of a surrogate's concentration on the cube of test tumours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from gliofit.assess.settings import anatomy_group
from gliofit.core.tissue import Tissue
from gliofit.metrics.fields import VOLUME_MM3, field_errors
from gliofit.metrics.masks import dice_of_fields
from gliofit.train.dataset import Batch, ShardDataset, anatomies_of_shards
from gliofit.train.surrogate import Surrogate

#: Thresholds of Dice.
OUTLINES = (0.33, 0.66)

#: Columns of scores in ``assess_forward``.
FORWARD_METRICS = (
    "mse_cube", "mse_volume", "mae_cube", "ncc_cube", "dice_033", "dice_066", "relative_volume_error"
)  # fmt: skip


def open_targets(shard: str | Path, tissue_dir: str | Path, surrogate: Surrogate) -> ShardDataset:
    """Load test tumours as cubes of a surrogate; raise InputError if shard and tissue do not match."""
    tissue = Tissue.load(tissue_dir, "probabilities")
    # A shard of test tumours has one anatomy. Cubes are used once, so they are not cached.
    return ShardDataset([shard], dict.fromkeys(anatomies_of_shards([shard]), tissue), surrogate.crop, cache_gib=0)


def predict_case(surrogate: Surrogate, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return prediction and target of a batch of one, and the wall time of the prediction.

    Two concentrations (n, n, n), zero outside white and grey matter as in training, and seconds, including transfer and
    encoding of the tissue.
    """
    device = surrogate.theta_mean.device
    begin = time.perf_counter()
    with torch.no_grad():
        # Reading the result back waits for the device.
        prediction = surrogate(batch.tissue.to(device), batch.theta.to(device))[0].float().cpu().numpy()
    seconds = time.perf_counter() - begin
    return prediction, batch.concentration[0].numpy(), seconds


def assess_forward(
    surrogate: Surrogate,
    shard: str | Path,
    tissue_dir: str | Path,
    model: str,
    anatomy: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Score a surrogate on the test tumours of an anatomy, from their shard (``test-00000.nii``) and their tissue.

    Both fields are zero outside white and grey matter, as in training. Errors of the domain ``cube`` are averages over
    all voxels of the cube, those of ``volume`` the same errors averaged over 240 x 240 x 155 mm
    (``gliofit.metrics.fields``); parts of the tumour outside the cube are not included. Model and anatomy are names for
    the columns; ``progress`` is called with finished and total tumours.

    Returns
    -------
    DataFrame
        One row per tumour, with the columns of docs/assess.md (concentration).

    Raises
    ------
    InputError
        If the shard is invalid, or its grid differs from that of the tissue.
    """
    data = open_targets(shard, tissue_dir, surrogate)
    table = data.shards[0].table
    voxel_mm3 = data.crops[0].grid.voxel_volume_mm3
    cube_mm3 = voxel_mm3 * data.size**3
    predict_case(surrogate, data.batch([0]))  # Exclude initialisation of libraries from the times.
    rows = []
    for case in range(len(data)):
        prediction, target, seconds = predict_case(surrogate, data.batch([case]))
        cube = field_errors(prediction, target, voxel_mm3, cube_mm3)
        true_mm3, predicted_mm3 = (float(field.sum(dtype=np.float64)) * voxel_mm3 for field in (target, prediction))
        truth = surrogate.space.row(surrogate.space.values(table.iloc[case]))
        row = {"model": model, "anatomy": anatomy, "group": anatomy_group(anatomy), "case": case, **truth}
        row |= {"origin_distance_mm": float(np.linalg.norm(data.theta[case, :3])), **_outside(data, case)}
        row |= {quantity.column: float(quantity.of(truth)) for quantity in surrogate.space.derived}
        row |= {"cube_volume_mm3": true_mm3, "predicted_volume_mm3": predicted_mm3}
        row |= {name: value for name, value in cube.columns("cube").items() if name in FORWARD_METRICS}
        row["mse_volume"] = field_errors(prediction, target, voxel_mm3, VOLUME_MM3).mse
        row |= zip(("dice_033", "dice_066"), dice_of_fields(prediction, target, OUTLINES), strict=True)
        row["relative_volume_error"] = (predicted_mm3 - true_mm3) / true_mm3 if true_mm3 > 0 else float("nan")
        rows.append(row | {"seconds": seconds})
        progress(case + 1, len(data))
    return pd.DataFrame(rows)


def _outside(data: ShardDataset, case: int) -> dict[str, float]:
    """Return the integral of the concentration in mm^3 and the fraction of it outside the cube."""
    crop, sample = data.crops[case], data.shards[0].sample(case)
    total = float(sample.data.sum(dtype=np.int64))
    inside = sample.canonical().extract(crop.start, (crop.size * crop.factor,) * 3)
    share = 1 - float(inside.data.sum(dtype=np.int64)) / total
    return {"volume_mm3": total / 65535 * sample.grid.voxel_volume_mm3, "outside_cube": share}
