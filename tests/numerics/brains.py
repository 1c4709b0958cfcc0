"""Tissue, and the public toolkit's own cases, for tests of solvers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid
from gliofit.core.io import read_volume
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import theta_of_rates
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver


def white_box(shape: tuple[int, int, int], spacing_mm: float) -> Tissue:
    """White matter in every voxel."""
    wm = np.ones(shape, np.float32)
    return Tissue(wm, np.zeros_like(wm), np.zeros_like(wm), Grid(shape, np.diag([*(spacing_mm,) * 3, 1.0])))


def uneven_brain(size: int = 22, spacing_mm: float = 4.0) -> Tissue:
    """Smoothly mixed white and grey matter with a hole of CSF, a ragged border and soft fractions, at fixed seed."""
    generator = np.random.default_rng(3)
    x = np.stack(np.meshgrid(*(np.linspace(-1, 1, size),) * 3, indexing="ij"))
    white = 0.5 + 0.5 * np.tanh(4 * (np.sin(5 * x[0]) * np.cos(4 * x[1]) + 0.5 * x[2]))
    distance = np.sqrt((x**2).sum(0)) + generator.uniform(-0.05, 0.05, x[0].shape)
    inside = (distance < 0.9) & (((x - 0.35) ** 2).sum(0) > 0.05)
    wm, gm = white * inside, (1 - white) * inside
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = np.array([1, 1, -1]) * spacing_mm * (size - 1) / 2
    return Tissue(wm, gm, np.where(inside, 0, 1), Grid(wm.shape, affine))


def toolkit_case(shared_data: Path, case: str) -> tuple[Tissue, Theta, NDArray[Any], dict[str, Any]]:
    """Tissue, theta, concentration and facts of a case of the public toolkit."""
    facts = json.loads((shared_data / "solver" / "cases.json").read_text())[case]
    tissue = Tissue.from_labels(read_volume(shared_data / "atlas" / "mni152_tissue_space-sri24.nii.gz", np.uint8))
    rates = (facts[key] for key in ("diffusivity_white_mm2_per_day", "proliferation_per_day", "stopping_time_days"))
    theta = theta_of_rates(tissue.grid.voxel_to_world(facts["seed_voxel"]), *rates)
    return tissue, theta, read_volume(shared_data / "solver" / f"{case}.nii.gz").data, facts


def check_tangents(solver: AccurateSolver, tissue: Tissue, theta: Theta, of_positions: float, of_others: float) -> None:
    """Compare tangents with central differences for the same steps, to a relative error."""
    sensitivity = solver.solve_with_tangents(tissue, theta)
    schedule = sensitivity.solution.schedule
    assert sensitivity.tangents.shape == (len(theta.space), *tissue.grid.shape)
    assert np.abs(solver.solve(tissue, theta).concentration - sensitivity.solution.concentration).max() < 1e-12
    for k, (tangent, position) in enumerate(zip(sensitivity.tangents, theta.space.is_position, strict=True)):
        step = np.zeros(len(theta.space))
        step[k] = 1e-3 if position else 1e-5 * theta.to_array()[k]
        high, low = (
            solver.solve(tissue, Theta.from_array(theta.to_array() + end, theta.space), schedule=schedule).concentration
            for end in (step, -step)
        )
        difference = (high - low) / (2 * step[k])
        error = np.linalg.norm(difference - tangent) / np.linalg.norm(difference)
        assert error < (of_positions if position else of_others), (theta.space.columns[k], error)
