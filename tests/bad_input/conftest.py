"""A coarse atlas and a patient made from it in a second: the case that every kind of bad image spoils."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.register.patient_files import PatientFiles

ROLES = ("t1", "t1ce", "t2", "flair", "seg")

Case = Callable[[Path, str], Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def patient(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> PatientFiles:
    """A BraTS 2021 case: the atlas' own brain in a box with air about it, with a ball of tumour that FLAIR shows."""
    folder = tmp_path_factory.mktemp("good")
    t1 = read_volume(atlas_dir / "t1.nii.gz", np.float32).extract((-3, -3, -3), (46, 53, 44))
    grid, brain = t1.grid, t1.data > 0
    world = grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    radius = np.linalg.norm(world - [28.0, 10.0, 20.0], axis=-1)
    seg = np.select([radius < 8, radius < 14, radius < 24], [1, 4, 2], 0).astype(np.uint8) * brain
    base = np.rint(800 * t1.data / t1.data.max()).astype(np.int16)
    images = {
        "t1": base,
        "t1ce": base + 100 * (seg == 4),
        "t2": base // 2 + brain,
        "flair": base // 2 + 300 * (seg > 0),
    }
    for role, data in images.items():
        write_volume(folder / f"good_{role}.nii.gz", Volume((data * brain).astype(np.int16), grid))
    write_volume(folder / "good_seg.nii.gz", Volume(seg, grid))
    files = {role.replace("t1ce", "t1c"): folder / f"good_{role}.nii.gz" for role in ROLES}
    return PatientFiles("good", labels="brats2021", **files)


@pytest.fixture(scope="session")
def add_case(patient: PatientFiles) -> Case:
    """Copies the good case into a folder of its own below another, under another name."""

    def add(root: Path, case: str) -> Path:
        folder = root / case
        folder.mkdir(parents=True)
        for role in ROLES:
            shutil.copy(patient.t1.with_name(f"good_{role}.nii.gz"), folder / f"{case}_{role}.nii.gz")
        return folder

    return add


@pytest.fixture(scope="session")
def add_files(patient: PatientFiles, atlas_dir: Path) -> Callable[[Path], None]:
    """Writes segmentation, tissue (labels) and concentration (c) of the good case into a folder."""

    def add(folder: Path) -> None:
        shutil.copy(patient.seg, folder / "seg.nii.gz")
        seg = read_volume(patient.seg)
        labels = read_volume(atlas_dir / "labels.nii.gz", np.uint8).extract((-3, -3, -3), seg.grid.shape)
        write_volume(folder / "labels.nii.gz", labels)
        tumour = (seg.data > 0) & (labels.data > 1)
        write_volume(folder / "c.nii.gz", Volume(0.5 * tumour.astype(np.float32), seg.grid))

    return add


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line: exit status, and what it said on stdout and stderr."""
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return stop.value.code, *capfd.readouterr()  # type: ignore[return-value]

    return call


def fit(folder: Path, out: object, **others: object) -> list[str]:
    """Arguments of command ``fit`` on tissue and seg of a folder, with other or further options."""
    options = {"tissue": folder / "tissue.nii.gz", "seg": folder / "seg.nii.gz", "labels": "brats2021", "out": out}
    return ["fit", *(f"--{name.replace('_', '-')}={value}" for name, value in (options | others).items())]


def plan(folder: Path, out: object, **others: object) -> list[str]:
    """Arguments of command ``plan`` on tissue, seg and c of a folder, with other or further options."""
    return ["plan", *fit(folder, out, **{"concentration": folder / "c.nii.gz"} | others)[1:]]


def refusal(outcome: tuple[int, str, str]) -> str:
    """The one line with which a command refused its input, without its beginning."""
    code, _, err = outcome
    assert code == 2, outcome
    (line,) = err.splitlines()
    assert line.startswith("gliofit: error: "), line
    return line.removeprefix("gliofit: error: ")


def refused(run: Run, *arguments: object) -> dict[str, str]:
    """The error of a command that refuses its input, as ``--json`` gives it."""
    status, out, _ = run(*arguments, "--json")
    assert status == 2, out
    return json.loads(out)["error"]


def accepted(run: Run, *arguments: object) -> tuple[dict[str, Any], list[str]]:
    """The result of a command as ``--json`` gives it, and its warnings on stderr."""
    status, out, err = run(*arguments, "--json")
    assert status == 0, (out, err)
    return json.loads(out), [line for line in err.splitlines() if line.startswith("gliofit: warning: ")]


def code_of(function: Callable[..., object], *arguments: object) -> str:
    """Code of the error that a function which appends to ``warnings`` raises."""
    with pytest.raises(InputError) as caught:
        function(*arguments, warnings=[])
    return caught.value.code


def listing(folder: Path) -> dict[str, int]:
    """Every file and folder below a folder, with its time of change: what a refused command must leave as it was."""
    found = sorted(Path(root) / name for root, folders, files in os.walk(folder) for name in (*folders, *files))
    return {str(path): path.lstat().st_mtime_ns for path in found}
