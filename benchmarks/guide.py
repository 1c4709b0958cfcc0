"""What the guided U-Net starts from: errors of a coarse solve, and of the solver itself, before anything is learned.

Run with ``python benchmarks/guide.py``: grows tumours of preset ``paper`` in the MNI152 atlas at 2 mm, and prints mean
squared errors over the cube of 64 voxels about each, for

- the solver on the cube, masked by what is labelled white or grey matter, or by fractions of at least 0.1;
- the solver on voxels of 4 mm, interpolated, with mu_D as it is, or such that fronts are as fast as at 2 mm.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gliofit.atlas.prepare import prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.core.crop import Crop, CropSettings
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.simulate.grow import theta_of
from gliofit.simulate.many import grow_samples
from gliofit.simulate.sampler import draw_parameters, seed_voxels
from gliofit.simulate.settings import PRESETS
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings
from gliofit.train.architecture import Frame, find_architecture

_CUBE = CropSettings(size=64, spacing_mm=2.0)


def measure(cases: int, seed: int) -> pd.DataFrame:
    """One row per tumour, with the mean squared error of every stand-in."""
    with tempfile.TemporaryDirectory() as folder:
        prepare_atlas(AtlasSettings(), Path(folder))
        tissue = Tissue.load(folder, "labels")
    tissue = tissue.coarsen(tissue.grid.coarsening_to(_CUBE.spacing_mm))
    voxels = seed_voxels(tissue)

    def draw(index: int, attempt: int) -> pd.Series:
        return draw_parameters(tissue, PRESETS["paper"], 1, derive_seed(seed, index, attempt), voxels).iloc[0]

    network = find_architecture("guided-unet").build({}, Frame(3, _CUBE.size, _CUBE.spacing_mm), seed=0)
    torch.nn.init.zeros_(network.head.weight)
    solver = AccurateSolver()
    rows = []
    for sample, _ in grow_samples(tissue, draw, cases, AccurateSettings()):
        crop = Crop.around(tissue.grid, np.array([sample.row[f"com_{a}_mm"] for a in "xyz"]), _CUBE)
        target, theta = crop.volume(sample.concentration).data, theta_of(sample.row)
        channels = crop.channels(tissue)
        fine = solver.solve(crop.tissue(tissue), theta).concentration
        relative = torch.tensor(theta.to_array() - [*crop.centre_mm, 0, 0], dtype=torch.float32)[None]
        guesses = {}
        for name, equal in (("as it is", lambda mu_d, _: mu_d), ("equal speed", network.growth.equal_speed)):
            kept, network.growth.equal_speed = network.growth.equal_speed, equal
            with torch.no_grad():
                guess = torch.sigmoid(network(torch.from_numpy(channels)[None], relative))[0].numpy()
            guesses[name] = guess * channels[2]
            network.growth.equal_speed = kept
        fields = {
            "solver, labels": fine * channels[2],
            "solver, fractions": fine * (channels[:2].sum(axis=0) >= 0.1),
            "4 mm": guesses["as it is"],
            "4 mm, equal speed": guesses["equal speed"],
        }
        rows.append({name: float(((field - target) ** 2).mean()) for name, field in fields.items()})
    return pd.DataFrame(rows)


def main() -> None:
    """Print means, medians and the largest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    table = measure(options.cases, options.seed)
    print(table.agg(["mean", "median", "max"]).T.map(lambda value: f"{value:.1e}").to_string())


if __name__ == "__main__":
    main()
