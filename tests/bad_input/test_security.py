"""What input cannot do: run code, lead out of the results, or bring a person's name into them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.io import read_volume
from gliofit.pipeline.config import load_config
from gliofit.register.naming import check_case_name
from gliofit.register.patients import find_cohort
from gliofit.register.settings import PatientsSettings

from .conftest import Case, Run, plan
from .dicom import make_images, write_images

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = sorted([*(REPOSITORY / "workflow/rules").glob("*.smk"), REPOSITORY / "Snakefile"])


def test_no_rule_has_a_shell_line() -> None:
    """Names of cases and paths reach scripts as values, so that nothing in them is ever run."""
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(shell|run|shadow)\s*:|\bshell\s*\(", text, flags=re.MULTILINE), path.name


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../x", "a/b", "/etc/x", "a\\b", "-rf", "a b", "a;b", "$(id)", "`id`", "a'b", 'a"b', "a\n", "a\0b",
     "ü", "٣", "a.b", "{x}", "*", "~", "", "x" * 101],
)  # fmt: skip
def test_case_names_are_names_and_nothing_else(name: str) -> None:
    with pytest.raises(InputError):
        check_case_name(name, "patients.tsv")


@pytest.mark.parametrize("name", ["../x", "/x", "a\n", "..", "a/b"])
def test_names_of_runs_methods_and_networks_are_names_and_nothing_else(name: str) -> None:
    with pytest.raises(InputError, match="'run'"):
        load_config({"run": name})
    for other in (name, "A", "a b"):
        with pytest.raises(InputError):
            load_config({"invert": {"methods": {other: {"inverter": "gauss-newton"}}}})
        with pytest.raises(InputError):
            load_config({"train": {"models": {other: {"architecture": "guided-unet"}}}})


ODD = "-a b'\"ü$(touch broken)"


@pytest.fixture(scope="module")
def odd(add_files: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a folder of an odd name: tissue, concentration and segmentation of a case."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / ODD).mkdir()
    add_files(folder / ODD)
    return folder


def test_commands_take_paths_of_any_characters(odd: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(odd)
    code, out, err = run(*plan(Path(ODD), f"{ODD}/plan", tissue=f"{ODD}/labels.nii.gz"))
    assert code == 0, err
    assert f"{ODD}/plan" in out
    assert {"plan.parquet", "plan.png", "clinical.nii.gz"} <= {path.name for path in (odd / ODD / "plan").iterdir()}
    assert not (odd / "broken").exists()


def test_the_check_takes_paths_of_any_characters(
    odd: Path, add_case: Case, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(odd)
    add_case(odd / ODD, "good")
    (odd / "-patients.tsv").write_text(
        f"case\tt1\tseg\tlabels\ngood\t{ODD}/good/good_t1.nii.gz\t{ODD}/good/good_seg.nii.gz\tbrats2021\n"
    )
    code, out, err = run("check", "--patients=-patients.tsv", f"--out={ODD}/-cohort.tsv", "--cores", 1)
    assert code == 0, (out, err)
    (found,), _ = find_cohort(PatientsSettings(source=Path(ODD, "-cohort.tsv")), seed=1)
    assert found.t1.samefile(odd / ODD / "good" / "good_t1.nii.gz")


SECRETS = (b"Erika", b"Mueller", b"4711-0815", b"19501224")


def test_a_plan_says_nothing_of_the_person_in_its_inputs(
    odd: Path, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Names in headers and in the DICOM series are in no file but the structure set, and in nothing that is said."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")
    for name in ("seg", "labels", "c"):
        image = nib.load(odd / ODD / f"{name}.nii.gz")
        image.header["descrip"], image.header["db_name"] = b"Erika Mueller 19501224", b"4711-0815"
        nib.save(image, tmp_path / f"{name}.nii.gz")
    grid = read_volume(tmp_path / "seg.nii.gz").grid
    middle = tuple(grid.centre_mm * [-1, -1, 1])
    write_images(tmp_path / "series", make_images(grid.shape, grid.spacing_mm, np.diag([-1.0, -1, 1]), centre=middle))
    out = tmp_path / "plan"
    code, said, err = run(*plan(tmp_path, out, tissue=tmp_path / "labels.nii.gz", dicom=tmp_path / "series"))
    assert code == 0, err
    names = {path.name for path in out.iterdir()}
    assert {"plan.dcm", "plan.parquet", "plan.csv", "plan.md", "plan.png", "clinical.nii.gz"} <= names
    everything = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "plan.dcm"}
    everything |= {name: gzip.decompress(data) for name, data in everything.items() if name.endswith(".gz")}
    everything |= {"said": (said + err + caplog.text).encode()}
    assert {name: part for name, data in everything.items() for part in SECRETS if part in data} == {}
    assert str(pydicom.dcmread(out / "plan.dcm").PatientID) == "4711-0815"
