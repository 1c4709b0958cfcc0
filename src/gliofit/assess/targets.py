"""Test tumours of an anatomy, from the distribution of the training data with other random numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.simulate.settings import SimulateSettings
from gliofit.simulate.shard import simulate_shard


def simulate_targets(
    tissue_dir: str | Path,
    anatomy: str,
    cases: int,
    settings: SimulateSettings,
    seed: int,
    out_dir: str | Path,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Simulate the test tumours of an anatomy; write ``test-00000.nii`` and ``test-00000.parquet`` to ``out_dir``.

    Parameters
    ----------
    tissue_dir
        ``wm, gm, csf.nii.gz`` of the anatomy at the spacing of the simulations.
    anatomy
        Name, which determines the random numbers (different from training and the synthetic cohort).
    cases
        Number of tumours; the first ones do not depend on it. Numbers of samples in the settings have no effect.
    settings, seed, out_dir, threads, progress
        See ``simulate_shard``, also for the table that is returned.
    """
    counts = {"test_cases": cases, "samples_per_shard": cases}
    return simulate_shard(
        Tissue.load(tissue_dir, "probabilities"),
        "test-00000",
        SimulateSettings.model_validate(settings.model_dump() | counts),
        derive_seed(seed, "assess", anatomy),
        Path(out_dir),
        progress,
        threads,
        anatomy,
    )
