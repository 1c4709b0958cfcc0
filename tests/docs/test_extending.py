"""The examples of docs/extending.md are complete and work: dropped in place, chosen in a configuration, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs/extending.md"

#: Where the page says that its examples belong, by words of each.
PLACES = {
    "Nelder-Mead": "src/gliofit/invert/methods/nelder_mead.py",
    "plain convolutional": "src/gliofit/train/models/plain.py",
}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def example(title: str) -> str:
    (code,) = (block for block in blocks("python") if title in block)
    return code


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(both[key], value) if isinstance(both.get(key), dict) else value
    return both


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a copy of the clone makes that has both files in place and the page's entries in its configuration."""
    clone = tmp_path_factory.mktemp("extended") / "clone"
    shutil.copytree(REPOSITORY / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "workflow", clone / "workflow")
    shutil.copyfile(REPOSITORY / "Snakefile", clone / "Snakefile")
    for folder in ("config", "envs"):
        (clone / folder).symlink_to(REPOSITORY / folder)
    for title, place in PLACES.items():
        (clone / place).write_text(example(title))
    # The smallest run there is, with the methods of the page alone.
    config = yaml.safe_load((REPOSITORY / "tests/e2e/smoke.yaml").read_text())
    config = {key: config[key] for key in ("seed", "simulate", "train")} | {"run": "extended", "cohorts": ["synthetic"]}
    for block in blocks("yaml"):
        config = merged(config, yaml.safe_load(block))
    config["train"]["models"]["plain"] |= {"epochs": 2, "batch_size": 4}
    (clone / "extended.yaml").write_text(yaml.safe_dump(config))
    folders = [f"results/extended/invert/synthetic/synthetic-00000/{name}" for name in ("simplex", "hybrid-plain")]
    targets = [f"{folder}/parameters.parquet" for folder in folders]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *targets, "--configfile", "extended.yaml"],
        cwd=clone,
        env=os.environ | {"PYTHONPATH": str(clone / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    return clone / "results/extended"


@pytest.mark.parametrize("method", ["simplex", "hybrid-plain"])
def test_the_workflow_runs_a_new_method_and_a_new_surrogate(results: Path, method: str) -> None:
    folder = results / "invert/synthetic/synthetic-00000" / method
    row = pd.read_parquet(folder / "parameters.parquet").iloc[0]
    trace = pd.read_parquet(folder / "trace.parquet")
    assert row["status"] in ("ok", "not-converged"), row["message"]
    assert np.isfinite(row[["origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho"]].astype(float)).all()
    assert 5 < len(trace)
    if method == "simplex":
        assert len(trace) <= 800
        assert row["loss"] == pytest.approx(trace["loss"].min())
        assert row["loss"] < trace["loss"].iloc[0]


def test_the_new_surrogate_is_trained_and_said_to_be_itself(results: Path) -> None:
    assert '"architecture": "plain"' in (results / "train/plain/model.json").read_text()
    assert len(pd.read_parquet(results / "train/plain/history.parquet")) == 2


RUN_METHOD = """
import sys
import gliofit.invert.methods
gliofit.invert.methods.__path__.append(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import numpy as np
from unit.invert.fakes import TRUTH, FakeSurrogate, blob_volume, cube_brain
from gliofit.invert.networks import Networks
from gliofit.invert.problem import ConcentrationObservation, Problem
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings

settings = InvertSettings.model_validate({"methods": {"simplex": {"inverter": "nelder-mead", "evaluations": 800}}})
assert settings.surrogate_of("simplex") == "guided-unet"
cube = cube_brain()
observation = ConcentrationObservation(blob_volume(cube, TRUTH), cube)
problem = Problem.create(observation, settings, Networks(FakeSurrogate()))
inversion = fit(problem, "simplex", settings)
print(inversion.status, np.abs(inversion.theta.to_array() / TRUTH.to_array() - 1).max() < 0.1)
"""


def test_the_method_recovers_a_known_tumour(tmp_path: Path) -> None:
    (tmp_path / "nelder_mead.py").write_text(example("Nelder-Mead"))
    out = subprocess.run(
        [sys.executable, "-c", RUN_METHOD, str(tmp_path), str(REPOSITORY / "tests")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.stdout.split() == ["ok", "True"], out.stdout + out.stderr


def test_the_surrogate_predicts_and_has_gradients() -> None:
    module: dict[str, Any] = {"__name__": "plain"}
    exec(compile(example("plain convolutional"), "plain.py", "exec"), module)
    network = module["Network"](module["Settings"](), module["Frame"](2, 8))
    theta = torch.zeros(3, 5, requires_grad=True)
    out = network(torch.rand(1, 2, 8, 8, 8), theta)
    assert out.shape == (3, 8, 8, 8)
    (gradient,) = torch.autograd.grad(out.sum(), theta)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("title", PLACES)
def test_examples_are_clean(title: str, tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(example(title))
    project = REPOSITORY / "pyproject.toml"
    for command in (
        ["check", "--config", str(project)],
        ["format", "--check", "--config", str(project)],
    ):
        out = subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(path)], capture_output=True, text=True, check=False
        )
        if "No module named ruff" in out.stderr:
            pytest.skip("ruff is not installed")
        assert out.returncode == 0, out.stdout
