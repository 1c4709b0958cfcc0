"""Stand-ins for trained networks, cases that they are exact for, and shortcuts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from gliofit.core.crop import CropSettings
from gliofit.core.grid import Grid, Volume
from gliofit.core.labels import TissueLabel, TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.problem import Problem
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import AbstractObservation, ConcentrationObservation, SegmentationObservation
from gliofit.solver.accurate import AccurateSolver

CROP = CropSettings(size=16, spacing_mm=8.0)
TRUTH = Theta((9.0, -7.0, 5.0), 9.0, 4.0)


def blob(distance, mu_d, mu_rho):
    """Return an analytic front whose travelled distance and width resemble those of Fisher-Kolmogorov."""
    return torch.sigmoid((0.7 * mu_d * mu_rho - distance) / (1.5 * mu_d / mu_rho))


class FakeSurrogate:
    """Analytic, differentiable, with the interface of a trained surrogate."""

    crop = CROP
    theta_mean = torch.tensor([0.0, 0.0, 0.0, 12.8, 3.8])
    theta_std = torch.tensor([10.0, 10.0, 10.0, 6.0, 1.5])
    theta_low = torch.tensor([-40.0, -40.0, -40.0, 1.0, 0.5])
    theta_high = torch.tensor([40.0, 40.0, 40.0, 35.0, 10.0])

    def __call__(self, tissue, theta):
        n, h = self.crop.size, self.crop.spacing_mm
        axis = (torch.arange(n, dtype=theta.dtype) - (n - 1) / 2) * h
        position = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
        offset = position[None] - theta[:, None, None, None, :3]
        distance = (offset.square().sum(dim=-1) + 1e-6).sqrt()
        mu_d, mu_rho = (theta[:, k, None, None, None] for k in (3, 4))
        return blob(distance, mu_d, mu_rho) * (tissue.sum(dim=1) >= 0.1)


class FakeDirect:
    """Predicts a fixed theta in world mm and records its inputs."""

    crop = CROP

    def __init__(self, theta: Theta, centre_mm) -> None:
        self.theta = torch.tensor(theta.to_array() - np.array([*centre_mm, 0, 0]), dtype=torch.float32)
        self.seen = None

    def __call__(self, concentration, tissue):
        self.seen = SimpleNamespace(concentration=concentration, tissue=tissue)
        return self.theta[None]


def cube_brain(size: int = 32, spacing_mm: float = 8.0) -> Tissue:
    """White matter everywhere but in the outermost voxels."""
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = -spacing_mm * (size - 1) / 2
    wm = np.zeros((size,) * 3, np.float32)
    wm[1:-1, 1:-1, 1:-1] = 1
    return Tissue(wm, np.zeros_like(wm), 1 - wm, Grid((size,) * 3, affine))


def blob_volume(tissue: Tissue, theta: Theta) -> Volume:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in tissue.grid.shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(tissue.grid.voxel_to_world(index) - theta.origin_mm, axis=-1)
    field = blob(torch.from_numpy(distance), theta.mu_d_mm, theta.mu_rho).numpy()
    return Volume((field * (tissue.labels >= TissueLabel.GREY_MATTER)).astype(np.float32), tissue.grid)


def configured(inverter: str, **keys) -> InvertSettings:
    """Return settings with one method, named after its inverter."""
    return InvertSettings.model_validate({"methods": {inverter: {"inverter": inverter, **keys}}})


def invert(observation: AbstractObservation, settings: InvertSettings, method: str = "", **keys) -> Inversion:
    """Run a method, by default the last one of the settings."""
    return fit(Problem(observation, settings, **keys), method or [*settings.methods][-1], settings)


def grow(tissue: Tissue, theta: Theta) -> Volume:
    return AccurateSolver().solve(tissue, theta).volume


def observe(tissue: Tissue, theta: Theta) -> ConcentrationObservation:
    return ConcentrationObservation(grow(tissue, theta), tissue)


def segment(tissue: Tissue, theta: Theta, imaging=None, **thresholds) -> SegmentationObservation:
    return SegmentationObservation(segmented(grow(tissue, theta), **thresholds), tissue, imaging)


def distance_mm(one: Theta, two: Theta) -> float:
    return float(np.linalg.norm(np.subtract(one.origin_mm, two.origin_mm)))


def segmented(field: Volume, whole: float = 0.33, core: float = 0.6, inner=TumourLabel.ENHANCING) -> Volume:
    """Return the segmentation of a concentration by thresholds, with ``inner`` as label of the core."""
    regions = [field.data > core, field.data > whole]
    labels = np.select(regions, [inner, TumourLabel.OEDEMA], 0).astype(np.uint8)
    return Volume(labels, field.grid)


def overlap(first, second) -> float:
    """Return the Dice coefficient of two masks."""
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))
