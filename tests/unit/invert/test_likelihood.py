from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue
from gliofit.observation.imaging import ImagingSettings
from gliofit.observation.likelihood import ConcentrationLikelihood, SegmentationLikelihood, soft_dice, soft_mask
from gliofit.observation.observation import ConcentrationObservation, SegmentationObservation

FULL = torch.ones(1, 1, 4)


def scaled_sigmoid(c: float, threshold: float, width: float) -> float:
    value, low, high = (1 / (1 + math.exp(-(x - threshold) / width)) for x in (c, 0, 1))
    return (value - low) / (high - low)


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, len(values))


@pytest.mark.parametrize(
    ("concentration", "threshold", "width"), [(0.4, 0.33, 0.1), (0.33, 0.33, 0.05), (0.9, 0.6, 0.2), (0.05, 0.33, 0.1)]
)
def test_soft_mask_by_hand(concentration, threshold, width):
    found = soft_mask(torch.tensor(concentration, dtype=torch.float64), threshold, width)
    assert float(found) == pytest.approx(scaled_sigmoid(concentration, threshold, width), rel=1e-12)


@pytest.mark.parametrize(
    ("predicted", "observed", "expected"),
    [
        ([1, 1, 0, 0], [1, 1, 0, 0], 1.0),
        ([1, 1, 0, 0], [0, 1, 1, 0], 0.5),  # 2 * 1 / (2 + 2)
        ([1, 1, 1, 0], [1, 0, 0, 0], 0.5),  # 2 * 1 / (3 + 1)
        ([0, 0, 0, 1], [1, 0, 0, 0], 0.0),
        ([0.5, 0, 0, 0], [0.5, 0, 0, 0], 1.0),  # shares of voxels: perfect where equal
        ([0.5, 0, 0, 0], [1, 0, 0, 0], 0.8),  # 2 * 0.5 / (0.25 + 1)
        ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),
    ],
)
def test_soft_dice_by_hand(predicted, observed, expected):
    assert float(soft_dice(row(*predicted), row(*observed))) == pytest.approx(expected)


def test_concentration_loss_is_the_mean_square_over_all_voxels():
    observed = torch.tensor([0.0, 0.5, 1.0, 0.0]).reshape(1, 1, 4)
    likelihood = ConcentrationLikelihood(observed, FULL)
    batch = torch.stack([observed, torch.zeros_like(observed)])
    assert likelihood(batch).tolist() == pytest.approx([0, 1.25 / 4])
    assert likelihood.without_tumour() == pytest.approx(1.25 / 4)
    assert likelihood.saturated() == pytest.approx((1 + 0.25 + 0 + 1) / 4)


def test_segmentation_loss_by_hand():
    imaging = ImagingSettings(threshold_whole=0.33, threshold_core=0.6, width=0.05)
    whole, core, share = row(1, 1, 0, 0), row(1, 0, 0, 0), row(1, 1, 1, 1)
    c, parts = [0.8, 0.45, 0.3, 0.0], []
    for mask, threshold in ((whole, 0.33), (core, 0.6)):
        p, y = [scaled_sigmoid(v, threshold, 0.05) for v in c], mask.flatten().tolist()
        dice = 2 * sum(a * b for a, b in zip(p, y, strict=True)) / (sum(a * a for a in p) + sum(b * b for b in y))
        parts.append(1 - dice)
    both, alone = (SegmentationLikelihood(whole, inner, share, imaging) for inner in (core, None))
    assert float(both(row(*c)[None])) == pytest.approx(0.7 * parts[0] + 0.3 * parts[1])
    assert float(alone(row(*c)[None])) == pytest.approx(parts[0])
    assert both.without_tumour() == pytest.approx(1)


def test_partly_filled_voxels_are_compared_by_their_share():
    """A voxel that is half tissue and all tumour there holds a mean of 0.5 and a half-filled mask: a perfect fit."""
    share = row(1, 0.5, 0.05, 0)
    likelihood = SegmentationLikelihood(row(1, 0.5, 0, 0), None, share, ImagingSettings(width=0.005))
    assert float(likelihood((share * row(1, 1, 0, 0))[None])[0]) == pytest.approx(0, abs=1e-6)


def test_losses_are_differentiable():
    torch.manual_seed(0)
    shape = (2, 3, 4)
    share = torch.rand(shape, dtype=torch.float64).clamp(min=0.2)
    observed = torch.rand(shape, dtype=torch.float64) * share
    mask = (observed > 0.3).double()
    field = (torch.rand((1, *shape), dtype=torch.float64) * 0.9 * share).requires_grad_(True)
    for likelihood in (
        ConcentrationLikelihood(observed, share),
        SegmentationLikelihood(mask, mask * share, share, ImagingSettings(width=0.1)),
    ):
        assert torch.autograd.gradcheck(likelihood, field)


def test_observations_reach_coarse_grids_as_block_means():
    affine = np.eye(4)
    wm = np.zeros((4, 4, 4), np.float32)
    wm[:, :, :3] = 1
    tissue = Tissue(wm, np.zeros_like(wm), 1 - wm, Grid((4, 4, 4), affine))
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2, :2, 1:4] = 2
    observation = SegmentationObservation(Volume(labels, tissue.grid), tissue)
    likelihood = observation.likelihood(lambda volume: volume.coarsen(2))
    # Rows 1 and 2 of four along z are tumour within tissue; row 3 is tumour in CSF, which does not count.
    assert likelihood.template[0, 0].tolist() == [0.5, 0.5]
    assert likelihood.share[0, 0].tolist() == [1, 0.5]
    field = Volume(np.full((4, 4, 4), 0.5, np.float32), tissue.grid)
    mse = ConcentrationObservation(field, tissue).likelihood(lambda volume: volume.coarsen(2))
    assert mse.template[0, 0].tolist() == [0.5, 0.25]
