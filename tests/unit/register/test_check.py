"""Findings of ``gliofit check``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.register.check import check_patients
from gliofit.register.patient_files import PatientFiles
from gliofit.register.settings import PatientsSettings


@pytest.fixture
def cases(add_case):  # type: ignore[no-untyped-def]
    """Add copies of the phantom under other names, with changes of arrays by role."""

    def make(name: str, **changes: object) -> PatientFiles:
        case = add_case(name)
        for role, path in case.images.items():
            change = changes.get(role, changes.get("every"))
            if change is not None:
                volume = read_volume(path)
                write_volume(path, Volume(np.ascontiguousarray(change(volume.data)), volume.grid))  # type: ignore[operator]
        return case

    return make


def test_findings_name_case_and_file(cases, tmp_path: Path, atlas_dir: Path) -> None:  # type: ignore[no-untyped-def]
    cases("flipped", every=lambda data: data[:, ::-1])
    cases("low", seg=lambda data: np.where(data == 4, 1, data))
    broken = cases("broken")
    broken.flair.write_bytes(b"no image")
    broken.seg.unlink()
    # All broken files of a case are reported.
    many = cases("many", seg=lambda data: np.where(data == 4, 3, data))
    for path in (many.flair, many.t2):
        path.write_bytes(b"no image")
    # Segmentations of another patient.
    cases("other", seg=lambda data: data[::-1], t2=lambda data: np.where(np.arange(48)[:, None, None] < 24, 0, data))
    cases("outside", seg=lambda data: np.roll(data, 24, axis=1))
    found: dict[str, set[tuple[str, str, str]]] = {}
    for case in check_patients(PatientsSettings(source=tmp_path / "patients"), atlas_dir):
        for finding in case.findings:
            found.setdefault(finding.case, set()).add((finding.severity, Path(finding.file).name, finding.code))
    assert {("warning", "other_seg.nii.gz"), ("warning", "other_t2.nii.gz")} <= {one[:2] for one in found.pop("other")}
    assert {case: {one[:2] for one in findings} for case, findings in found.items() if case != "many"} == {
        "broken": {("error", "broken_seg.nii.gz")},
        "flipped": {("error", "flipped_t1.nii.gz")},
        "low": {("warning", "low_seg.nii.gz")},
        "outside": {("error", "outside_seg.nii.gz")},
    }
    assert {one[1:] for one in found["many"]} == {
        ("many_flair.nii.gz", "not-nifti"),
        ("many_t2.nii.gz", "not-nifti"),
        ("many_seg.nii.gz", "labels-of-another-scheme"),
    }


def test_missing_source(tmp_path: Path) -> None:
    (case,) = check_patients(PatientsSettings(source=tmp_path / "none"))
    (finding,) = case.findings
    assert (case.case, finding.case, finding.severity) == ("", "", "error")
    assert "not found" in finding.problem
    assert check_patients(PatientsSettings()) == []
