"""The comparison of results must not overlook anything, or the kill test says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_json, write_table, write_volume
from tools.reliability.compare import compare

TABLE = pd.DataFrame({"case": ["a", "b"], "loss": [0.1, np.nan], "wall_seconds": [1.0, 2.0], "threads": [1, 1]})


def write(folder: Path, seconds: float = 1.0, threads: int = 1, loss: float = 0.1, voxel: float = 0.0) -> None:
    """A results folder of one volume and two tables."""
    data = np.zeros((4, 5, 6), np.float32)
    data[1, 2, 3] = voxel
    write_volume(folder / "c.nii.gz", Volume(data, Grid(data.shape, np.eye(4))))
    table = TABLE.assign(wall_seconds=seconds, threads=threads)
    table.loc[0, "loss"] = loss
    write_table(folder / "t.parquet", table)
    table.drop(columns="threads").to_csv(folder / "t.csv", index=False)
    write_json(folder / "t.parquet.json", {"threads": threads, "params": {"a": [1, {"seconds": seconds}]}, "seed": 7})
    (folder / "logs").mkdir()
    (folder / "logs/t.log").write_text(f"done in {seconds} s")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    write(tmp_path / "first")
    return tmp_path / "first"


def test_the_same_results(first: Path, tmp_path: Path) -> None:
    write(tmp_path / "second")
    found = compare(first, tmp_path / "second")
    assert not found.differences
    assert found.same_bytes.total() == 4
    assert found.size == sum(path.stat().st_size for path in first.glob("*.*"))


def test_times_may_differ_and_nothing_else(first: Path, tmp_path: Path) -> None:
    write(tmp_path / "second", seconds=2.0)
    found = compare(first, tmp_path / "second")
    assert not found.differences
    assert found.same_values == {".parquet": 1, ".csv": 1, ".json": 1}
    assert found.columns == {"wall_seconds", "seconds"}
    write(tmp_path / "third", seconds=2.0, threads=2)
    assert len(compare(first, tmp_path / "third").differences) == 2
    assert not compare(first, tmp_path / "third", other_cores=True).differences


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"loss": np.nextafter(0.1, 1)}, ["t.csv", "t.parquet"]),
        ({"loss": np.nextafter(0.1, 1), "seconds": 2.0}, ["t.csv", "t.parquet"]),
        ({"voxel": 1e-6}, ["c.nii.gz"]),
    ],
)
def test_the_smallest_change_is_found(first: Path, tmp_path: Path, change: dict[str, float], names: list[str]) -> None:
    write(tmp_path / "second", **change)
    found = compare(first, tmp_path / "second")
    assert [line.partition(":")[0] for line in found.differences] == names


def test_missing_extra_and_damaged_files_are_found(first: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    write(second)
    (second / "t.csv").unlink()
    (second / "u.csv").write_text("a\n1\n")
    (second / "t.parquet").write_bytes(b"PAR1")
    (second / "t.parquet.json").write_text(json.dumps({"threads": 1, "params": {"a": [2]}, "seed": 7}))
    found = compare(first, second).differences
    assert [line.split()[0] for line in found] == ["t.csv:", "u.csv:", "t.parquet:", "t.parquet.json:"]
