"""One fit, the same bytes: with kernels compiled now or loaded from the cache, on one thread or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .made_up import Scene, save

SCENE = Scene((38, 46, 35), 4.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scene")
    save(folder / "tissue.nii.gz", SCENE.tissue(), SCENE.affine)
    save(folder / "seg.nii.gz", SCENE.tumour(), SCENE.affine)
    return folder


def fit(files: Path, out: Path, threads: int, cache: Path) -> dict[str, str]:
    """Digests of what a fit in a process of its own wrote, without the times in its tables."""
    arguments = ["--tissue", files / "tissue.nii.gz", "--seg", files / "seg.nii.gz", "--labels", "brats2021"]
    code = "from gliofit.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "fit", *map(str, arguments), "--threads", str(threads), "--out", str(out)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)}, check=True, capture_output=True,
    )  # fmt: skip
    row = pd.read_parquet(out / "parameters.parquet").drop(columns=["wall_seconds", "case"])
    values = {name: repr(np.asarray(value).tolist()) for name, value in row.iloc[0].items()}
    for name in ("concentration.nii.gz", "uncertainty.nii.gz"):
        values[name] = sha256((out / name).read_bytes()).hexdigest()
    return values


def test_the_first_fit_equals_later_ones_on_any_number_of_threads(files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "numba"
    compiled = fit(files, tmp_path / "compiled", 2, cache)
    assert list(cache.rglob("*.nbc"))
    assert fit(files, tmp_path / "cached", 2, cache) == compiled
    assert fit(files, tmp_path / "one-thread", 1, cache) == compiled
    assert json.loads(compiled["status"].replace("'", '"')) in ("ok", "not-converged")


def test_many_voxels_are_summed_alike_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Error estimates, and with them time steps, do not depend on threads where kernels use several."""
    from gliofit.core.grid import Grid, Volume
    from gliofit.core.threads import kernel_threads
    from gliofit.core.tissue import Tissue
    from gliofit.growth.theta import Theta
    from gliofit.solver import threads
    from gliofit.solver.accurate import AccurateSolver

    monkeypatch.setattr(threads, "_LEAST_VOXELS", 0)
    tissue = Tissue.from_labels(Volume(SCENE.tissue(), Grid(SCENE.shape, SCENE.affine)))
    solutions = []
    for count in (1, 2, 4):
        with kernel_threads(count):
            solutions.append(AccurateSolver().solve(tissue, Theta((38.0, -20.0, 18.0), 8.0, 2.5)))
    for solution in solutions[1:]:
        assert solution.schedule == solutions[0].schedule
        assert solution.error_estimate == solutions[0].error_estimate
        assert np.array_equal(solution.concentration, solutions[0].concentration)
