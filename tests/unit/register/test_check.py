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


def test_findings_name_case_and_file(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("flipped", every=lambda data: data[:, ::-1])
    cases("low", seg=lambda data: np.where(data == 4, 1, data))
    folder = cases("torn")
    (folder / "torn_flair.nii.gz").write_bytes(b"no image")
    (folder / "torn_seg.nii.gz").unlink()
    assert {(f.case, f.severity, Path(f.file).name) for f in check(tmp_path, atlas_dir)} == {
        ("torn", "error", "torn_seg.nii.gz"),
        ("flipped", "error", "flipped_t1.nii.gz"),
        ("low", "warning", "low_seg.nii.gz"),
    }


def test_every_broken_file_of_a_case_is_found(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    folder = cases("many", seg=lambda data: np.where(data == 4, 3, data))
    for end in ("_flair", "_t2"):
        (folder / f"many{end}.nii.gz").write_bytes(b"no image")
    found = {Path(f.file).name: f.code for f in check(tmp_path, atlas_dir)}
    assert found == {
        "many_flair.nii.gz": "not-nifti", "many_t2.nii.gz": "not-nifti", "many_seg.nii.gz": "labels-of-another-scheme",
    }  # fmt: skip


def test_a_segmentation_of_someone_else_is_odd(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("other", seg=lambda data: data[::-1], t2=lambda data: np.where(np.arange(48)[:, None, None] < 24, 0, data))
    cases("outside", seg=lambda data: np.roll(data, 24, axis=1))
    found = {(f.case, Path(f.file).name, f.severity) for f in check(tmp_path, atlas_dir)}
    assert {("other", "other_seg.nii.gz", "warning"), ("other", "other_t2.nii.gz", "warning")} <= found
    assert {one for one in found if one[0] == "outside"} == {("outside", "outside_seg.nii.gz", "error")}


def test_a_source_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    (case,) = check_patients(PatientsSettings(source=tmp_path / "none"))
    (found,) = case.findings
    assert (case.case, found.case, found.severity) == ("", "", "error")
    assert "not found" in found.problem
    assert check_patients(PatientsSettings()) == []
