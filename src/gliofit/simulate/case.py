"""The synthetic cohort: samples of test shards in case folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gliofit.core.grid import Volume
from gliofit.core.header import CONCENTRATION
from gliofit.core.io import write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.simulate.shard import read_sample


def extract_case(case: str, shard_path: Path, index: int, tissue_dir: Path, out_dir: Path) -> None:
    """Write a sample as a case folder: tissue, ``brain_mask``, ``concentration.nii.gz`` and ``truth.parquet``."""
    concentration, row = read_sample(shard_path, index)
    tissue = Tissue.load(tissue_dir, "probabilities")
    tissue.save(out_dir)
    brain = (tissue.wm + tissue.gm + tissue.csf) >= 0.5
    write_volume(out_dir / "brain_mask.nii.gz", Volume(brain, tissue.grid))
    write_volume(out_dir / "concentration.nii.gz", concentration, CONCENTRATION)
    write_table(out_dir / "truth.parquet", pd.DataFrame([row.to_dict() | {"case": case}]))
