"""Bad command lines: exit status 2, one line on stderr, and nothing written, changed or left half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gliofit.register.patient_files import PatientFiles

from .conftest import Run, listing, refusal, refused
from .kind import Kind, each_kind

_TISSUE = "--tissue {d}/labels.nii.gz"
_SOLVE = f"solve {_TISSUE} --seed 9 9 9 --mu-d 8 --mu-rho 3 --backend numba"
_SOLVE_OUT = f"{_SOLVE} --out {{o}}/c.nii.gz"
_FIELD = "--concentration {d}/c.nii.gz"
_SEG = "--seg {d}/seg.nii.gz"
_PLAN = f"plan {_TISSUE} {_SEG} {_FIELD} --labels brats2021"
_REGISTER = f"register --t1 {{d}}/t1.nii.gz {_SEG} --labels brats2021"
_OUT = "--out {o}/out"
_FIT = f"fit {_TISSUE} {_OUT}"

# Made from the arguments: ``{d}`` is a folder with the files of a case, and ``{o}`` an empty one.
COMMAND_KINDS = [
    Kind("unknown command", "wrong-usage", "'slove'", "slove"),
    Kind("unknown option", "wrong-usage", "--sead", f"{_SOLVE_OUT} --sead 3"),
    Kind("missing option", "wrong-usage", "--out", _SOLVE),
    Kind("no threads", "wrong-usage", "--threads", f"{_SOLVE_OUT} --threads 0"),
    Kind("fewer than no threads", "wrong-usage", "--threads", f"{_SOLVE_OUT} --threads -1"),
    Kind("threads in words", "wrong-usage", "--threads", f"{_SOLVE_OUT} --threads two"),
    Kind("input that is not there", "invalid-input", "no.nii", f"fit --tissue {{d}}/no.nii {_FIELD} {_OUT}"),
    Kind("input that is a folder", "invalid-input", "folder", f"fit --tissue {{d}} {_FIELD} {_OUT}"),
    Kind("input whose name is too long", "system-error", "xxx.nii",
         f"fit --tissue {{d}}/{'x' * 300}.nii {_FIELD} {_OUT}"),
    Kind("output folder that is a file", "invalid-input", "file", f"fit {_TISSUE} {_FIELD} --out {{d}}/file"),
    Kind("output folder below a file", "invalid-input", "file", f"{_PLAN} --out {{d}}/file/out"),
    Kind("output file below a file", "invalid-input", "file", f"{_SOLVE} --out {{d}}/file/c.nii.gz"),
    Kind("output file that is a folder", "invalid-input", "folder.nii.gz", f"{_SOLVE} --out {{d}}/folder.nii.gz"),
    Kind("output that is not an image", "invalid-input", "c.png", f"{_SOLVE} --out {{o}}/c.png"),
    Kind("input and output in one file", "output-is-input", "labels.nii.gz", f"{_SOLVE} --out {{d}}/labels.nii.gz"),
    Kind("output folder with an input in it", "output-is-input", "t1.nii.gz", f"{_REGISTER} --out {{d}}"),
    Kind("output of the check that is its input", "invalid-input", "patients.tsv",
         "check --patients {d}/patients.tsv --out {d}/patients.tsv"),
    Kind("output of the check that is not a table", "invalid-input", "cohort.xlsx",
         "check --patients {d} --out {o}/cohort.xlsx"),
    Kind("method that is not known", "invalid-input", "--method magic", f"{_FIT} {_FIELD} --method magic"),
    Kind("two observations", "one-source-needed", "--seg", f"{_FIT} {_FIELD} {_SEG}"),
    Kind("segmentation without scheme", "invalid-input", "--labels", f"{_FIT} {_SEG}"),
    Kind("unknown label scheme", "label-scheme", "'brats'", f"{_FIT} {_SEG} --labels brats"),
    Kind("segmentation as concentration", "concentration-scale", "seg.nii.gz",
         f"{_FIT} --concentration {{d}}/seg.nii.gz"),
    Kind("networks that are not there", "invalid-input", "model.json",
         f"{_FIT} {_FIELD} --method direct --models {{o}}"),
    Kind("margin below zero", "invalid-input", "--margin-mm", f"{_PLAN} --margin-mm -3 {_OUT}"),
    Kind("atlas that is not there", "invalid-input", "atlas", f"{_REGISTER} --atlas {{o}}/atlas {_OUT}"),
    Kind("PredictGBM without its folder", "invalid-input", "Patient-00000", "predictgbm {d} {o}/out"),
    Kind("results without patients", "invalid-input", "results", "export {d} {o}/out"),
]  # fmt: skip


@pytest.fixture(scope="module")
def files(patient: PatientFiles, add_files: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tissue, concentration, segmentation and T1 image of a case, a file and a folder that are in the way."""
    folder = tmp_path_factory.mktemp("files")
    add_files(folder)
    shutil.copy(patient.t1, folder / "t1.nii.gz")
    (folder / "file").write_text("in the way\n")
    (folder / "folder.nii.gz").mkdir()
    (folder / "patients.tsv").write_text("case\tfolder\ngood\tgood\n")
    return folder


@each_kind(COMMAND_KINDS)
def test_it_is_refused(kind: Kind, files: Path, tmp_path: Path, run: Run) -> None:
    before = listing(files)
    arguments = [part.format(d=files, o=tmp_path) for part in kind.make.split()]
    assert kind.is_said_by(refusal(run(*arguments)))
    assert refused(run, *arguments)["code"] == kind.code
    assert listing(files) == before
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("source", [_TISSUE, _FIELD])
def test_one_source_is_needed(source: str, files: Path, tmp_path: Path, run: Run) -> None:
    arguments = f"fit {source} {_OUT}".format(d=files, o=tmp_path)
    assert refused(run, *arguments.split())["code"] == "one-source-needed"
    assert listing(tmp_path) == {}


def test_an_output_that_cannot_be_written_is_one_line(files: Path, tmp_path: Path, run: Run) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    # Root may write everywhere but into file systems that are mounted for reading.
    folder = next((place for place in (closed, Path("/sys")) if not os.access(place, os.W_OK)), None)
    if folder is None:
        pytest.skip("this user may write everywhere")
    arguments = f"fit {_TISSUE} {_FIELD} --out {folder}/out".format(d=files)
    assert refusal(run(*arguments.split())).startswith(f"{folder}: ")
    assert not (folder / "out").exists()


def test_a_link_to_an_input_is_that_input(files: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "c.nii.gz").symlink_to(files / "labels.nii.gz")
    before = (files / "labels.nii.gz").read_bytes()
    refusal(run(*_SOLVE_OUT.format(d=files, o=tmp_path).split()))
    assert (files / "labels.nii.gz").read_bytes() == before
