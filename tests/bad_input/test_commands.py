"""Bad command lines: exit status 2, one line on stderr, and nothing written, changed or left half-written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.register.patient_files import PatientFiles

from .commands import COMMAND_KINDS, CommandKind
from .conftest import Run, listing, refusal


@pytest.fixture(scope="module")
def files(patient: PatientFiles, atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tissue, concentration, segmentation and T1 image of a case, a file and a folder that are in the way."""
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(patient.t1, folder / "t1.nii.gz")
    shutil.copy(patient.seg, folder / "seg.nii.gz")
    grid = read_volume(patient.seg).grid
    labels = read_volume(atlas_dir / "labels.nii.gz", np.uint8).extract((-3, -3, -3), grid.shape)
    write_volume(folder / "labels.nii.gz", labels)
    tumour = (read_volume(patient.seg).data > 0) & (labels.data > 1)
    write_volume(folder / "c.nii.gz", Volume(0.5 * tumour.astype(np.float32), grid))
    (folder / "file").write_text("in the way\n")
    (folder / "folder.nii.gz").mkdir()
    (folder / "patients.tsv").write_text("case\tfolder\ngood\tgood\n")
    return folder


@pytest.mark.parametrize("kind", COMMAND_KINDS, ids=lambda kind: kind.slug)
def test_it_is_refused(kind: CommandKind, files: Path, tmp_path: Path, run: Run) -> None:
    before = listing(files)
    arguments = [part.format(d=files, o=tmp_path) for part in kind.arguments.split()]
    assert kind.is_said_by(refusal(run(*arguments)))
    assert json.loads(run(*arguments, "--json")[1])["error"]["code"] == kind.code
    assert listing(files) == before
    assert listing(tmp_path) == {}


def test_an_output_that_cannot_be_written_is_one_line(files: Path, tmp_path: Path, run: Run) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    # Root may write everywhere but into file systems that are mounted for reading.
    folder = next((place for place in (closed, Path("/sys")) if not os.access(place, os.W_OK)), None)
    if folder is None:
        pytest.skip("this user may write everywhere")
    options = ("--tissue", files / "labels.nii.gz", "--concentration", files / "c.nii.gz", "--out", folder / "out")
    said = refusal(run("fit", *options))
    assert said.startswith(f"{folder}: ")
    assert not (folder / "out").exists()


def test_a_link_to_an_input_is_that_input(files: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "c.nii.gz").symlink_to(files / "labels.nii.gz")
    before = (files / "labels.nii.gz").read_bytes()
    refusal(run("solve", "--tissue", files / "labels.nii.gz", "--seed", 9, 9, 9, "--mu-d", 8, "--mu-rho", 3,
                       "--backend", "numba", "--out", tmp_path / "c.nii.gz"))  # fmt: skip
    assert (files / "labels.nii.gz").read_bytes() == before
