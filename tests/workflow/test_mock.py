"""Scripts by hand: the object that they find as ``snakemake``, without Snakemake running them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliofit.core.io import read_table
from tools.mock_snakemake import mock_snakemake, run_script

from .conftest import REPOSITORY


def test_the_object_holds_what_the_rule_says() -> None:
    smoke = REPOSITORY / "tests/e2e/smoke.yaml"
    snakemake = mock_snakemake("train_model", smoke, model="guided-unet")
    assert snakemake.output.weights == "results/smoke/train/guided-unet/weights.safetensors"
    assert snakemake.params.settings["models"].keys() == {"guided-unet"}
    assert snakemake.resources["mem_mb"] > 1500
    batch = mock_snakemake("invert_case_synthetic_direct_00000", smoke)
    assert batch.params.units[0]["wildcards"]["method"] == "direct"


def test_a_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_script("prepare_atlas", REPOSITORY / "tests/e2e/smoke.yaml")
    folder = tmp_path / "results/smoke/atlas"
    assert json.loads((folder / "atlas.json").read_text())["spacing_mm"]
    run_script("report_pilot", REPOSITORY / "tests/e2e/smoke.yaml")
    assert len(read_table(tmp_path / "results/smoke/simulate/pilot.parquet")) == 10
