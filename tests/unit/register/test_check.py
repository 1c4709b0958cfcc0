"""gliofit check: everything that is wrong with a set of patients, at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.register.check import Finding, check_patients
from gliofit.register.patient_files import PatientFiles
from gliofit.register.settings import PatientsSettings

ENDINGS = {"t1": "_t1", "t1c": "_t1ce", "t2": "_t2", "flair": "_flair", "seg": "_seg"}


@pytest.fixture
def cases(phantom: PatientFiles, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Makes copies of the phantom under other names, with some of its arrays changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "patients" / name
        folder.mkdir(parents=True)
        for role, path in phantom.images.items():
            target = folder / f"{name}{ENDINGS[role]}.nii.gz"
            change = changes.get(role, changes.get("every"))
            if change is None:
                shutil.copy(path, target)
            else:
                volume = read_volume(path)
                write_volume(target, Volume(np.ascontiguousarray(change(volume.data)), volume.grid))  # type: ignore[operator]
        return folder

    return make


def check(tmp_path: Path, atlas_dir: Path, **settings: object) -> list[Finding]:
    cases = check_patients(PatientsSettings(source=tmp_path / "patients", **settings), atlas_dir)
    return [finding for case in cases for finding in case.findings]


def test_a_good_patient_has_no_findings(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("good")
    assert check(tmp_path, atlas_dir) == []


def test_findings_name_case_file_and_mend(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("flipped", every=lambda data: data[:, ::-1])
    cases("low", seg=lambda data: np.where(data == 4, 1, data))
    cases("shape", t2=lambda data: data)
    folder = cases("torn")
    path = tmp_path / "patients" / "shape" / "shape_t2.nii.gz"
    volume = read_volume(path)
    write_volume(path, volume.extract((0, 0, 0), (40, 48, 31)))
    (folder / "torn_flair.nii.gz").write_bytes(b"no image")
    (folder / "torn_seg.nii.gz").unlink()
    found = {(f.case, f.severity, Path(f.file).name): f.problem for f in check(tmp_path, atlas_dir)}
    assert set(found) == {
        ("torn", "error", "torn_seg.nii.gz"),
        ("flipped", "error", "flipped_t1.nii.gz"),
        ("low", "warning", "low_seg.nii.gz"),
        ("shape", "error", "shape_t2.nii.gz"),
    }
    assert "back to front" in found["flipped", "error", "flipped_t1.nii.gz"]
    assert "no enhancing tumour" in found["low", "warning", "low_seg.nii.gz"]
    assert "another grid" in found["shape", "error", "shape_t2.nii.gz"]


def test_every_broken_file_of_a_case_is_found(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    folder = cases("many", seg=lambda data: np.where(data == 4, 3, data))
    for end in ("_flair", "_t2"):
        (folder / f"many{end}.nii.gz").write_bytes(b"no image")
    found = check(tmp_path, atlas_dir)
    assert {Path(f.file).name for f in found} == {"many_flair.nii.gz", "many_t2.nii.gz", "many_seg.nii.gz"}
    assert any("label values [3]" in f.problem and "scheme" in f.hint for f in found)


def test_a_segmentation_of_someone_else_is_odd(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("other", seg=lambda data: data[::-1], t2=lambda data: np.where(np.arange(48)[:, None, None] < 24, 0, data))
    cases("outside", seg=lambda data: np.roll(data, 24, axis=1))
    found = check(tmp_path, atlas_dir)
    problems = [(f.case, Path(f.file).name, f.problem) for f in found if f.severity == "warning"]
    assert any("darker on FLAIR" in text for *where, text in problems if where == ["other", "other_seg.nii.gz"])
    assert any("of the brain" in text for *where, text in problems if where == ["other", "other_t2.nii.gz"])
    (outside,) = (f for f in found if f.case == "outside")
    assert outside.severity == "error"
    assert "of the tumour lies outside the brain" in outside.problem


def test_a_source_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    (case,) = check_patients(PatientsSettings(source=tmp_path / "none"))
    (found,) = case.findings
    assert (case.case, found.case, found.severity) == ("", "", "error")
    assert "not found" in found.problem
    assert check_patients(PatientsSettings()) == []
