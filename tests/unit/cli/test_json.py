"""``--json``: one object on the standard output, of results and of mistakes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from gliofit.cli.result import json_text
from gliofit.core.io import read_table, read_volume
from gliofit.core.tissue import Tissue

from .conftest import THETA, run


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> tuple[int, dict]:
        code = run(*arguments, "--json")
        captured = capsys.readouterr()
        assert captured.err == ""
        return code, json.loads(captured.out)

    return call


def test_solve(files: Path, tmp_path: Path, brain: Tissue, call) -> None:
    out = tmp_path / "c.nii.gz"
    seed = THETA.origin_voxel(brain.grid)
    arguments = ("--tissue", files / "labels.nii.gz", "--seed", *seed, "--mu-d", 8, "--mu-rho", 3, "--out", out)
    code, found = call("solve", *arguments, "--backend", "numba")
    assert code == 0
    assert found["concentration"] == str(out)
    volume = float(read_volume(out).data.sum(dtype=float)) * brain.grid.voxel_volume_mm3
    assert found["volume_mm3"] == pytest.approx(volume, rel=1e-5)
    # Not rounded, as the line for people is.
    assert found["error_estimate"] != round(found["error_estimate"], 4)
    assert (found["mu_d_mm"], found["integrator"]) == (8.0, "accurate")
    code, found = call("solve", *arguments, "--integrator", "reference")
    assert found["error_estimate"] is None


def test_fit_and_plan(files: Path, tmp_path: Path, call) -> None:
    tissue = ("--tissue", files / "labels.nii.gz")
    code, found = call("fit", *tissue, "--concentration", files / "c.nii.gz", "--out", tmp_path / "fit")
    assert code == 0
    row = read_table(tmp_path / "fit/parameters.parquet").iloc[0]
    assert found["parameters"]["mu_d_mm"] == row["mu_d_mm"]
    assert found["parameters"].keys() == set(row.index)
    assert all(Path(path).is_file() for path in found["files"])
    assert str(tmp_path / "fit/summary.png") in found["files"]
    code, found = call(
        "plan", *tissue, "--seg", files / "seg.nii.gz", "--labels", "brats2021",
        "--concentration", tmp_path / "fit/concentration.nii.gz", "--out", tmp_path / "plan",
    )  # fmt: skip
    assert code == 0
    assert found["research_use_only"] is True
    assert found["plan"]["clinical_cc"] > 0
    # There is no follow-up.
    assert math.isnan(read_table(tmp_path / "plan/plan.parquet").iloc[0]["coverage_clinical_all"])
    assert found["plan"]["coverage_clinical_all"] is None
    assert str(tmp_path / "plan/plan.md") in found["files"]


def test_verify(files: Path, tmp_path: Path, call) -> None:
    (tmp_path / "good.json").write_text("{}")
    (tmp_path / "bad.json").write_text("{")
    code, found = call("verify", tmp_path)
    assert (code, found["files"], found["bytes"]) == (1, 2, 3)
    (damage,) = found["damages"]
    assert damage.keys() == {"path", "problem", "hint"}
    assert damage["path"] == str(tmp_path / "bad.json")
    (tmp_path / "bad.json").unlink()
    assert call("verify", tmp_path)[0] == 0


def test_check(tmp_path: Path, call) -> None:
    case = tmp_path / "BraTS2021_00001"
    case.mkdir()
    for name in ("t1", "seg"):
        (case / f"BraTS2021_00001_{name}.nii.gz").write_bytes(b"no image")
    code, found = call("check", "--patients", tmp_path, "--cores", 1)
    assert (code, found["cases"], found["usable"], found["table"]) == (1, 1, 0, None)
    assert found["findings"][0].keys() == {"case", "file", "problem", "hint", "severity", "code"}


def test_a_number_that_is_none_is_null() -> None:
    content = {"a": math.nan, "b": [np.float32(0.1), np.inf], "c": np.array([1, 2]), "d": Path("x"), "e": (True, None)}
    assert json.loads(json_text(content)) == {
        "a": None, "b": [float(np.float32(0.1)), None], "c": [1, 2], "d": "x", "e": [True, None]
    }  # fmt: skip
