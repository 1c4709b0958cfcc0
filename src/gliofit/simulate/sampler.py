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
        row = {"sample": sample, "seed": sample_seed, "origin_x_mm": x, "origin_y_mm": y, "origin_z_mm": z}
        # In the order of the settings; the name of a range is that of the column.
        row |= {name: rng.uniform(*limits) for name, limits in preset}
        row[COLUMN] = space.model
        for place, parameter in enumerate(space.parameters[len(SPACE) :], len(SPACE)):
            if parameter.axis is None:
                low, high = parameter.to_coordinate(np.array(parameter.bounds))
                row[parameter.column] = float(parameter.from_coordinate(rng.uniform(low, high)))
            elif parameter.axis == 0:
                position = _near(tissue, voxels, np.array([x, y, z]), rng)
                row |= dict(zip(space.columns[place : place + 3], position.tolist(), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def _near(
    tissue: Tissue, voxels: NDArray[np.int64], first_mm: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the world position of one of the voxels within 30 mm of the first origin, for a further one."""
    places = tissue.grid.voxel_to_world(voxels)
    near = places[np.linalg.norm(places - first_mm, axis=1) <= _APART_MM]
    position: NDArray[np.float64] = near[rng.integers(len(near))]
    return position
