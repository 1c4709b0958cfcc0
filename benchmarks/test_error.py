"""Errors of trained surrogates on test tumours, as in the paper's table 5.

Run with ``python benchmarks/test_error.py MODEL... --shards SHARD... --tissue FOLDER``, where a model is the folder
that training wrote and shards are those of the split ``test``, for example
``results/networks/simulate/shards/test-00000.nii``. Prints a Markdown table: mean and standard error over tumours of
the squared and absolute error, correlation and Dice in the network's cube. Targets are block means of the solver on
the voxels of the shards.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd
import torch

from gliofit.assess.forward import assess_forward
from gliofit.train.surrogate import load_surrogate

#: Heading and factor of every column of the table.
COLUMNS = {
    "mse_cube": ("MSE (10⁻³)", 1e3),
    "mae_cube": ("MAE (10⁻³)", 1e3),
    "ncc_cube": ("NCC", 1.0),
    "dice_033": ("Dice at 0.33", 1.0),
    "dice_066": ("Dice at 0.66", 1.0),
}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", help="folders of trained surrogates")
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    parser.add_argument("--tissue", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="Parquet file for the errors of every tumour")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = []
    for folder in options.models:
        surrogate = load_surrogate(folder)
        rows = [assess_forward(surrogate, shard, options.tissue, folder.name, "atlas") for shard in options.shards]
        tables.append(pd.concat(rows, ignore_index=True))
    if options.out:
        pd.concat(tables, ignore_index=True).to_parquet(options.out)
    print("| network | n | " + " | ".join(heading for heading, _ in COLUMNS.values()) + " |")
    print("| --- | ---: |" + " ---: |" * len(COLUMNS))
    for folder, table in zip(options.models, tables, strict=True):
        cells = []
        for column, (_, factor) in COLUMNS.items():
            values = factor * table[column].dropna()
            cells.append(f"{values.mean():.3f} ± {values.std() / math.sqrt(len(values)):.3f}")
        print(f"| {folder.name} | {len(table)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
