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
from snakemake.utils import update_config

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs/extending.md"

#: Where the page says that its examples belong, by words of each.
PLACES = {
    "Nelder-Mead": "src/gliofit/invert/methods/nelder_mead.py",
    "plain convolutional": "src/gliofit/train/models/plain.py",
    "one diffusivity": "src/gliofit/growth/uniform.py",
}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def example(title: str) -> str:
    (code,) = (block for block in blocks("python") if title in block)
    return code


RUN_CONFIGURATION = """
import sys
from pathlib import Path
import numpy as np
import yaml
from conftest import ball_brain
from gliofit.pipeline.config import load_config
from gliofit.pipeline.fit import fit_files
from gliofit.core.grid import Volume
from gliofit.core.io import write_volume
from gliofit.simulate.shard import read_sample, simulate_shard
from gliofit.train.fit import train_model
from gliofit.train.training import TrainingJob

folder = Path(sys.argv[1])
config = load_config(yaml.safe_load((folder / "config.yaml").read_text()))
brain = ball_brain(16, 10.0)
shards = folder / "shards"
shards.mkdir()
brain.save(folder / "tissue")
for name in ("train-00000", "validation-00000", "test-00000"):
    simulate_shard(brain, name, config.simulate, config.seed, shards)
for name in config.train.models:
    job = TrainingJob(
        [shards / "train-00000.nii"], [shards / "validation-00000.nii"], folder / "tissue", config.train, name,
        folder / "models" / name, seed=config.seed,
    )
    train_model(job)
write_volume(folder / "observed.nii.gz", read_sample(shards / "test-00000.nii", 0)[0])
for method in ("simplex", "hybrid-plain", "gauss-newton-uniform"):
    fit_files(
        brain, method=method, out_dir=folder / method, concentration=folder / "observed.nii.gz",
        models=folder / "models", settings=config.invert, seed=config.seed,
    )
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulation, training and fits in a copy of the package that has both files, as the page's configuration asks."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(REPOSITORY / "src", folder / "src")
    for title, place in PLACES.items():
        (folder / place).write_text(example(title))
    # Of the smallest run there is, with the page's entries beside the networks that they need.
    config = yaml.safe_load((REPOSITORY / "tests/e2e/smoke.yaml").read_text())
    config = {key: config[key] for key in ("seed", "simulate", "train")} | {"run": "extended", "cohorts": ["synthetic"]}
    config["simulate"]["spacing_mm"] = 10.0
    config["train"]["crop"] = {"size": 16, "spacing_mm": 10.0}
    # Its cube is fixed in the atlas, on voxels that do not fit these.
    del config["train"]["models"]["lmi"]
    # The seed of a solve on voxels of 20 mm is a million points.
    config["train"]["models"]["guided-unet"]["network"]["guide"] = "front"
    for block in blocks("yaml"):
        update_config(config, yaml.safe_load(block))
    config["train"]["models"]["plain"] |= {"epochs": 2, "batch_size": 4}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    path = os.pathsep.join([str(folder / "src"), str(REPOSITORY / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", RUN_CONFIGURATION, str(folder)], cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-10_000:]
    return folder


@pytest.mark.parametrize("method", ["simplex", "hybrid-plain", "gauss-newton-uniform"])
def test_a_new_method_surrogate_and_growth_model_run(results: Path, method: str) -> None:
    row = pd.read_parquet(results / method / "parameters.parquet").iloc[0]
    trace = pd.read_parquet(results / method / "trace.parquet")
    assert row["status"] in ("ok", "not-converged"), row["message"]
    assert np.isfinite(row[["origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho"]].astype(float)).all()
    assert 5 < len(trace)
    assert row["growth_model"] == ("uniform" if method.endswith("uniform") else "fisher-kolmogorov")
    if method == "simplex":
        assert len(trace) <= 800
        assert row["loss"] == pytest.approx(trace["loss"].min())
        assert row["loss"] < trace["loss"].iloc[0]


def test_the_new_surrogate_is_trained_and_said_to_be_itself(results: Path) -> None:
    assert '"architecture": "plain"' in (results / "models/plain/model.json").read_text()
    assert len(pd.read_parquet(results / "models/plain/history.parquet")) == 2


RUN_METHOD = """
import sys
import gliofit.invert.methods
gliofit.invert.methods.__path__.append(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import numpy as np
from unit.invert.fakes import TRUTH, FakeSurrogate, blob_volume, cube_brain
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.observation.observation import ConcentrationObservation
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings

settings = InvertSettings.model_validate({"methods": {"simplex": {"inverter": "nelder-mead", "evaluations": 800}}})
assert settings.methods["simplex"].networks == {"surrogate": "guided-unet"}
cube = cube_brain()
observation = ConcentrationObservation(blob_volume(cube, TRUTH), cube)
problem = Problem(observation, settings, Networks(FakeSurrogate()))
inversion = fit(problem, "simplex", settings)
print(inversion.status, np.abs(inversion.theta.to_array() / TRUTH.to_array() - 1).max() < 0.1)
"""


def test_the_method_recovers_a_known_tumour(tmp_path: Path) -> None:
    (tmp_path / "nelder_mead.py").write_text(example("Nelder-Mead"))
    command = [sys.executable, "-c", RUN_METHOD, str(tmp_path), str(REPOSITORY / "tests")]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
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
