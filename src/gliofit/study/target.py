"""Targets of a study: a tumour simulated and observed under every scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.seeds import derive_seed
from gliofit.core.threads import kernel_threads
from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model
from gliofit.growth.theta import Theta
from gliofit.simulate.grow import Sample, grow_sample, theta_of
from gliofit.simulate.sampler import draw_parameters, seed_voxels
from gliofit.simulate.settings import PRESETS
from gliofit.study.settings import ScenarioSettings
from gliofit.study.tissue import StudyTissue

#: Largest number of draws without a valid sample.
_ATTEMPTS = 100


@dataclass(frozen=True, eq=False)
class Target:
    """Tumour in a scenario.

    Parameters
    ----------
    clean, observed
        Concentration on the grid of the fit, zero outside grey and white matter, without and with noise.
    theta, row
        True parameters, and their row (``describe_sample``).
    """

    clean: Volume
    observed: Volume
    theta: Theta
    row: dict[str, Any]


def average_over_tissue(fine: Volume, tissue: Tissue, coarse: Tissue) -> Volume:
    """Compute the mean concentration of grey and white matter in each voxel of a coarser grid.

    ``fine`` is on the grid of ``tissue``; it and the result are zero outside grey and white matter of their grids.
    """
    factor = tissue.grid.coarsening_to(coarse.grid.isotropic_spacing_mm)
    if factor == 1:
        return fine
    inside = Volume(tissue.visible.astype(np.float32), tissue.grid)
    mean, share = fine.coarsen(factor), inside.coarsen(factor).data
    counts = (share > 0) & coarse.visible
    return Volume(np.divide(mean.data, share, out=np.zeros_like(mean.data), where=counts), mean.grid)


def make_targets(tissue: StudyTissue, preset: str, index: int, seed: int) -> dict[str, Target]:
    """Draw one tumour, by its number within a preset of parameter ranges, and simulate it under every scenario.

    Returns
    -------
    Target by scenario, with the same draw in all; a draw without a valid sample in some scenario is repeated for all.

    Raises
    ------
    InputError
        If 100 draws have no valid sample.
    """
    scenarios, voxels, space = (
        tissue.settings.scenarios,
        seed_voxels(tissue.own),
        find_growth_model(tissue.settings.growth_model).space,
    )
    for attempt in range(_ATTEMPTS):
        draw_seed = derive_seed(seed, "study", preset, index, attempt)
        drawn = draw_parameters(tissue.own, PRESETS[preset], 1, draw_seed, voxels, space).iloc[0]
        # Scenarios that differ only in noise or tissue of the fit share the simulation.
        grown: dict[tuple[str, float | None], Sample] = {}
        for scenario in scenarios.values():
            if _growth(scenario) in grown:
                continue
            with kernel_threads(1):
                sample = grow_sample(tissue.of_target(scenario), drawn, scenario.integrator)
            if sample is None:
                break
            grown[_growth(scenario)] = sample
        else:
            # The same pattern at every noise level, for paired comparisons.
            pattern = derive_seed(seed, "study", preset, index, "noise")
            return {name: _target(grown[_growth(own)], own, tissue, pattern) for name, own in scenarios.items()}
    raise InputError("study", f"{_ATTEMPTS} draws gave no valid tumour in every scenario", "check the scenarios")


def _growth(scenario: ScenarioSettings) -> tuple[str, float | None]:
    """Return the settings that the simulation of a target depends on, besides the draw."""
    return scenario.integrator.model_dump_json(), scenario.spacing_mm


def _target(sample: Sample, scenario: ScenarioSettings, tissue: StudyTissue, pattern: int) -> Target:
    clean = average_over_tissue(sample.concentration, tissue.of_target(scenario), tissue.own)
    observed = clean
    if scenario.noise > 0:
        inside = tissue.own.visible
        noise = np.random.default_rng(pattern).standard_normal(np.count_nonzero(inside), dtype=np.float32)
        data = clean.data.copy()
        data[inside] += np.float32(scenario.noise) * noise
        observed = Volume(data, clean.grid)
    return Target(clean, observed, theta_of(sample.row), sample.row)
