"""The examples of docs/extending.md are complete and work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "extending.md"


def example(title: str) -> str:
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL) if title in block)
    return code


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


def test_the_method_works_from_its_file_alone(tmp_path):
    (tmp_path / "nelder_mead.py").write_text(example("Nelder-Mead"))
    tests = Path(__file__).resolve().parents[2]
    out = subprocess.run(
        [sys.executable, "-c", RUN_METHOD, str(tmp_path), str(tests)], capture_output=True, text=True, check=False
    )
    assert out.stdout.split() == ["ok", "True"], out.stdout + out.stderr


def test_the_surrogate_predicts_and_has_gradients(tmp_path):
    module: dict = {"__name__": "plain"}
    exec(compile(example("plain convolutional"), "plain.py", "exec"), module)
    network = module["Network"](module["Settings"](), module["Frame"](2, 8))
    theta = torch.zeros(3, 5, requires_grad=True)
    out = network(torch.rand(1, 2, 8, 8, 8), theta)
    assert out.shape == (3, 8, 8, 8)
    (gradient,) = torch.autograd.grad(out.sum(), theta)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("title", ["Nelder-Mead", "plain convolutional"])
def test_examples_are_clean(title, tmp_path):
    path = tmp_path / "example.py"
    path.write_text(example(title))
    project = DOCUMENT.parents[1] / "pyproject.toml"
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
