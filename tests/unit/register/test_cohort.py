"""Cohort of a run: table of a check, excluded cases and random samples."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.register.check import CheckedCase, Finding, write_cohort_table
from gliofit.register.patient_files import PatientFiles
from gliofit.register.patients import draw_cases, find_cohort
from gliofit.register.settings import PatientsSettings


@pytest.fixture
def source(add_case, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    """Two valid patients and four invalid ones."""
    add_case("good-1")
    add_case("good-2")
    os.truncate(add_case("broken").t2, 2000)
    path = add_case("grid").flair
    volume = read_volume(path)
    write_volume(path, volume.extract((0, 0, 0), [n - 1 for n in volume.grid.shape]))
    add_case("noseg").seg.unlink()
    for path in add_case("turned").paths:
        volume = read_volume(path)
        write_volume(path, Volume(np.ascontiguousarray(volume.data[:, ::-1]), volume.grid))
    return tmp_path / "patients"


def test_check_writes_the_patients_table_of_a_run(source: Path, tmp_path: Path, run: Callable[..., int]) -> None:
    out = tmp_path / "results" / "cohort.tsv"
    assert run("check", "--patients", source, "--out", out, "--cores", 2) == 0
    assert list(tmp_path.glob("results/*")) == [out]
    header, *rows = (line.split("\t") for line in out.read_text().splitlines())
    assert header == "case t1 t1c t2 flair seg brain_mask labels status message".split()
    table = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    refused = ["broken", "grid", "noseg", "turned"]
    statuses = dict.fromkeys(refused, "refused") | {"good-1": "use", "good-2": "use"}
    assert {case: row["status"] for case, row in table.items()} == statuses
    assert table["good-1"]["t1"] == str(source / "good-1" / "good-1_t1.nii.gz")
    assert table["good-1"]["labels"] == "brats2021"
    assert table["good-1"]["message"] == ""
    patients, left_out = find_cohort(PatientsSettings(source=out), seed=1)
    assert [p.case for p in patients] == ["good-1", "good-2"]
    assert patients == find_cohort(PatientsSettings(source=source, include=("good-1", "good-2")), seed=1)[0]
    assert list(left_out) == refused
    assert all(reason.startswith("refused: ") and case in reason for case, reason in left_out.items())


def _die(patient: PatientFiles) -> CheckedCase:
    if patient.case == "bad":
        os._exit(9)
    return CheckedCase(patient.case, patient, [])


def test_other_cases_survive_a_killed_process(phantom: PatientFiles) -> None:
    from gliofit.register.check import _each

    patients = [replace(phantom, case=case) for case in ("bad", "one", "two")]
    done: list[tuple[int, int]] = []
    checked = {case.case: case for case in _each(_die, patients, 2, lambda *numbers: done.append(numbers))}
    assert {name: case.error is None for name, case in checked.items()} == {"bad": False, "one": True, "two": True}
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_table_round_trip(phantom: PatientFiles, tmp_path: Path) -> None:
    """T1c instead of T1, a brain mask, a label scheme, special characters in a path and in a message."""
    folder = tmp_path / 'a "b"\tc'
    folder.mkdir()
    files = {}
    for role, path in {**phantom.images, "brain_mask": phantom.seg}.items():
        files[role] = folder / f"{role}.nii.gz"
        shutil.copy(path, files[role])
    patient = PatientFiles("x", labels="gliofit", **{**files, "t1": files["t1c"]})
    finding = Finding("y", "file", 'has a\n"quote"\tand a tab', "correct it")
    for name in ("cohort.tsv", "cohort.csv"):
        out = tmp_path / "out" / name
        write_cohort_table(out, [CheckedCase("x", patient, []), CheckedCase("y", None, [finding])])
        assert find_cohort(PatientsSettings(source=out), seed=1) == (
            [patient],
            {"y": 'refused: file: has a "quote" and a tab; correct it'},
        )


def table(folder: Path, *rows: str) -> Path:
    """Write a table of cases with empty files."""
    (folder / "f.nii.gz").touch()
    path = folder / "patients.tsv"
    path.write_text("\n".join(["case\tt1\tseg\tlabels\tstatus\tmessage", *rows]) + "\n")
    return path


def test_refused_and_excluded_cases_have_a_reason(tmp_path: Path) -> None:
    used = "f.nii.gz\tf.nii.gz\tbrats2021"
    path = table(
        tmp_path, f"a\t{used}\tuse", f"b\t{used}", "c\t\t\t\trefused\tc_seg.nii.gz: no tumour", f"d\t{used}\tuse"
    )
    patients, left_out = find_cohort(PatientsSettings(source=path, exclude=("d",)), seed=1)
    assert [p.case for p in patients] == ["a", "b"]
    assert left_out == {"c": "refused: c_seg.nii.gz: no tumour", "d": "excluded in the configuration"}
    # Cases outside ``include`` are not part of the cohort.
    assert find_cohort(PatientsSettings(source=path, include=("b",)), seed=1)[1] == {}
    with pytest.raises(InputError, match="case a"):
        find_cohort(PatientsSettings(source=table(tmp_path, f"a\t{used}", "a\t\t\t\trefused")), seed=1)


def test_draw_depends_on_seed_and_names_only() -> None:
    cases = [f"case-{number:03d}" for number in range(60)]
    drawn = draw_cases(cases, 10, seed=1)
    assert len(set(drawn)) == 10
    assert draw_cases(reversed(cases), 10, seed=1) == drawn
    assert set(draw_cases(cases, 10, seed=2)) != set(drawn)
    assert draw_cases(cases, 9, seed=1) == drawn[:9]
    # An additional case replaces at most one, and the order of the others is the same.
    for added in range(20):
        more = draw_cases([*cases, f"new-{added}"], 10, seed=1)
        assert len(set(more) & set(drawn)) >= 9
        old = [case for case in more if not case.startswith("new")]
        assert old == drawn[: len(old)]


def test_sample_of_the_usable_cases(tmp_path: Path) -> None:
    used = "f.nii.gz\tf.nii.gz\tbrats2021"
    names = [f"case-{number}" for number in range(8)]
    path = table(tmp_path, *(f"{name}\t{used}" for name in names), "bad\t\t\t\trefused\tbroken")
    settings = PatientsSettings(source=path, sample=3, exclude=("case-5",))
    patients, left_out = find_cohort(settings, seed=7)
    drawn = [p.case for p in patients]
    assert drawn == sorted(draw_cases([name for name in names if name != "case-5"], 3, seed=7))
    assert {case for case, reason in left_out.items() if reason == "not drawn"} == {*names} - {*drawn, "case-5"}
    assert left_out["bad"] == "refused: broken"
    patients, _ = find_cohort(PatientsSettings(source=path, sample=100), seed=7)
    assert [p.case for p in patients] == names
