"""Random parameters of tumours: D, rho and stopping volume in their ranges, seeds in grey and white matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.model import COLUMN
from gliofit.growth.space import ParameterSpace
from gliofit.simulate.settings import SamplerPreset

# Largest distance of further origins from the first.
_APART_MM = 30.0


def seed_voxels(tissue: Tissue) -> NDArray[np.int64]:
    """Return the voxels labelled grey or white matter, the possible seeds, shape (n, 3)."""
    return np.argwhere(tissue.visible)


def draw_parameters(
    tissue: Tissue,
    preset: SamplerPreset,
    count: int,
    seed: int,
    voxels: NDArray[np.int64] | None = None,
    space: ParameterSpace = SPACE,
) -> pd.DataFrame:
    """Draw ``count`` tumours (paper, appendix D).

    Parameters
    ----------
    tissue
        Tissue of the seeds: the origin is uniform over the volume of voxels labelled grey or white matter.
    preset
        Ranges of the uniform draws.
    count
        Number of samples.
    seed
        Random seed.
    voxels
        ``seed_voxels`` of the tissue, to avoid computing them again.
    space
        Parameter space of the growth model. Additional parameters are uniform in the bounds of their coordinates.

    Returns
    -------
    pandas.DataFrame
        One row per sample: ``sample, seed, origin_x_mm, origin_y_mm, origin_z_mm, diffusivity_mm2_per_day,
        proliferation_per_day, stopping_volume_mm3, growth_model`` and the columns of additional parameters. The first
        rows of a longer draw equal those of a shorter one.
    """
    voxels = seed_voxels(tissue) if voxels is None else voxels
    rows = []
    for sample in range(count):
        # One generator per sample, so that a sample does not depend on the number of previous samples.
        sample_seed = derive_seed(seed, "sample", sample)
        rng = np.random.default_rng(sample_seed)
        voxel = voxels[rng.integers(len(voxels))] + rng.uniform(-0.5, 0.5, 3)
        x, y, z = tissue.grid.voxel_to_world(voxel)
        rows.append(
            {
                "sample": sample,
                "seed": sample_seed,
                "origin_x_mm": x,
                "origin_y_mm": y,
                "origin_z_mm": z,
                "diffusivity_mm2_per_day": rng.uniform(*preset.diffusivity_mm2_per_day),
                "proliferation_per_day": rng.uniform(*preset.proliferation_per_day),
                "stopping_volume_mm3": rng.uniform(*preset.stopping_volume_mm3),
                COLUMN: space.model,
                **_draw_others(space, rng, tissue.grid.voxel_to_world(voxels), np.array([x, y, z])),
            }
        )
    return pd.DataFrame(rows)


def _draw_others(
    space: ParameterSpace, rng: np.random.Generator, places: NDArray[np.float64], first: NDArray[np.float64]
) -> dict[str, float]:
    """Draw the parameters other than the first origin, diffusion and proliferation, by column.

    Further origins are uniform among the voxels with world positions ``places``, shape (voxels, 3), within 30 mm of the
    first.
    """
    values: dict[str, float] = {}
    further = space.parameters[len(SPACE) :]
    for parameter in further:
        if parameter.axis is None:
            low, high = np.log(parameter.bounds) if parameter.log else parameter.bounds
            drawn = rng.uniform(low, high)
            values[parameter.column] = float(np.exp(drawn) if parameter.log else drawn)
        elif parameter.axis == 0:
            near = places[np.linalg.norm(places - first, axis=1) <= _APART_MM]
            place = further.index(parameter)
            position = near[rng.integers(len(near))]
            values |= {p.column: float(v) for p, v in zip(further[place : place + 3], position, strict=True)}
    return values
